"""Where the daemons spend their time during a drain, where `perf` may look."""

import os
import re
import shutil
import subprocess

from .bench import event_data
from .resp import xadd

RUNS, TOP = 20000, 8
RECORD = ["perf", "record", "-q", "-F", "499", "-e", "cpu-clock", "-g"]


def works(folder):
    if shutil.which("perf") is None:
        return False
    out = os.path.join(folder, "perf-try.data")
    tried = subprocess.run([*RECORD, "-o", out, "--", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def top_functions(path, pid):
    """[(percent of the process's samples, function, library)…]"""
    done = subprocess.run(
        ["perf", "report", "-i", path, "--stdio", "--no-children", "-g", "none", "--percentage", "relative",
         "--pid", str(pid), "--sort", "symbol,dso"], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL)
    found = []
    for line in done.stdout.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(\S.*?)\s{2,}(\S+)", line)
        if match:
            found.append((float(match[1]), match[3], "kernel" if match[2] == "k" else match[4]))
    return found[:TOP]


def measure(bench, runs=RUNS):
    """The top functions of scheduler and worker; None where perf does not work."""
    folder = bench.stack.folder
    if not works(folder):
        return None
    bench.forget_history()
    bench.start_daemons(wait=True)
    pids = {"scheduler": bench.scheduler.process.pid, "worker": bench.worker.process.pid}
    path = os.path.join(folder, "perf.data")
    recorder = subprocess.Popen([*RECORD, "-o", path, "-p", ",".join(str(p) for p in pids.values())],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.send([xadd("test/noop", event_data(i)) for i in range(runs)])
    bench.wait_archived("test-noop", runs)
    recorder.terminate()
    recorder.wait()
    bench.stop_daemons()
    return {name: top_functions(path, pid) for name, pid in pids.items()}
