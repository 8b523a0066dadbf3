"""The sentences that a video can be left with, as the daemons have them (worker/providers/reason.c)."""

import functools
import json
import os
import re
import subprocess

from ops.stack import repository

from .fixtures import variant


@functools.cache
def table():
    """{name: {"class", "text"}}"""
    program = os.path.join(repository(), "build", variant(), "tests", "providers", "provider_probe")
    done = subprocess.run([program, "reasons", "all"], env={}, capture_output=True, text=True, timeout=60, check=True)
    return {r["name"]: r for r in json.loads(done.stdout)["result"]}


def says(reason, service, message):
    """Whether the message is that sentence, whole, for that service."""
    pattern = re.escape(table()[reason]["text"]).replace(r"\{service\}", re.escape(service))
    return re.fullmatch(pattern.replace(r"\{detail\}", "[^{}]{2,121}"), message) is not None
