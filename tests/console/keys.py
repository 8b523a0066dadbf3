"""Keys as chronos-console --new-key makes them."""

import os
import subprocess

from harness.fixtures import variant
from ops.stack import repository


def new_key(class_, name="tester"):
    """(the key, what its setting is told)"""
    program = os.path.join(repository(), "build", variant(), "chronos-console")
    text = subprocess.run([program, "--new-key", class_, name], capture_output=True, text=True, check=True).stdout
    lines = text.splitlines()
    return lines[0], lines[-1].partition("=")[2]
