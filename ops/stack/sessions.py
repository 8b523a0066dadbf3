"""Folders for the stacks of one test run. Their names hold the pid and start time of the program that owns them, so
the next run can end what one left behind that was killed."""

import contextlib
import os
import re
import shutil

from .process import start_time
from .stack import Stack, repository


def run_dir():
    return os.path.abspath(os.environ.get("CHRONOS_RUN_DIR") or os.path.join(repository(), ".run"))


def sweep(base):
    for name in os.listdir(base):
        match = re.fullmatch(r"tests-(\d+)-(\d+)", name)
        if not match or start_time(int(match[1])) == int(match[2]):
            continue
        for inner in os.listdir(os.path.join(base, name)):
            folder = os.path.join(base, name, inner)
            if os.path.exists(os.path.join(folder, "state.json")):
                stack = Stack(folder)
                stack.stop()
                stack.remove()
        shutil.rmtree(os.path.join(base, name), ignore_errors=True)


@contextlib.contextmanager
def session_folder():
    """A folder for this program's stacks, gone afterwards."""
    base = run_dir()
    os.makedirs(base, exist_ok=True)
    sweep(base)
    folder = os.path.join(base, f"tests-{os.getpid()}-{start_time(os.getpid())}")
    os.makedirs(folder, mode=0o755, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
