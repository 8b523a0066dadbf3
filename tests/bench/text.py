"""How fast captions are read and transcripts are cut (text_speed.c): no server and no daemon takes part."""

import os
import subprocess

from ops.stack import StackError, repository


def measure(variant):
    """MB of input per second of CPU time: name -> the rates of the repetitions."""
    program = os.path.join(repository(), "build", variant, "text_speed")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"{program} ended with {done.returncode}: {done.stderr.strip()}")
    rates = {}
    for line in done.stdout.splitlines():
        name, *values = line.split()
        rates[name] = [float(v) for v in values]
    return rates
