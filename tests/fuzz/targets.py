"""The fuzz targets that are built, and one run of one of them."""

import glob
import os
import subprocess

from ops.stack import repository

FOLDER = os.path.join(repository(), "tests", "fuzz")
BUILD = os.path.join(repository(), "build", "fuzz")
# a slower input, or one that takes more memory, is a finding
LIMITS = ["-timeout=10", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-max_len=16384"]


def names():
    return sorted(os.path.basename(p)[len("fuzz_"):-2] for p in glob.glob(os.path.join(FOLDER, "fuzz_*.c")))


def program(name):
    return os.path.join(BUILD, "tests", "fuzz", f"fuzz_{name}")


def seeds(name):
    return os.path.join(FOLDER, "corpus", name)


def found(name):
    """Where inputs that were worth keeping are kept from one run to the next."""
    folder = os.path.join(BUILD, "corpus", name)
    os.makedirs(folder, exist_ok=True)
    return folder


def run(name, *arguments, folders=(), timeout=None):
    """What libFuzzer said, and whether all was well. An input that breaks a promise is left in build/fuzz/findings."""
    findings = os.path.join(BUILD, "findings")
    os.makedirs(findings, exist_ok=True)
    done = subprocess.run(
        [program(name), *LIMITS, f"-artifact_prefix={findings}/{name}-", *arguments, *folders],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", timeout=timeout, check=False)
    return done.returncode == 0, done.stdout


def replay(name):
    """Every seed once, and nothing else."""
    return run(name, "-runs=0", folders=[seeds(name)], timeout=120)
