"""What the files of ops/docker and ops/kubernetes may refer to: settings of the daemons, their binaries."""

import os
import re
import subprocess

from ops.stack import repository

DAEMONS = ("scheduler", "worker", "console")
METRICS_PORT = 9464
USER = 10001


def built(daemon):
    """The released binary of a daemon; made when it is not there."""
    path = os.path.join("build", "release", f"chronos-{daemon}")
    if not os.path.exists(os.path.join(repository(), path)):
        subprocess.run(["make", "-s", "VARIANT=release", path], cwd=repository(), check=True, capture_output=True, timeout=900)
    return os.path.join(repository(), path)


def settings(daemon):
    """{name: default} of what --help tells; a default is "" when there is none."""
    shown = subprocess.run([built(daemon), "--help"], capture_output=True, text=True, check=True).stdout
    return {name: (re.search(r"; default (.*)$", text) or ["", ""])[1]
            for name, text in re.findall(r"^  ([A-Z][A-Z_]+)\n      (.*)$", shown, re.M)}


def unknown(daemon, names):
    """Those of the names that the daemon does not read."""
    known = settings(daemon)
    return {n for n in names if n not in known and n.removesuffix("_FILE") not in known}


def is_pinned(image):
    """A release of it is named, and not one that moves."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    return "@sha256:" in image or bool(name and re.search(r"\d+\.\d+", tag))
