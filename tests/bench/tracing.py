"""What telling a collector costs: drains with spans on and off, by turns."""

import os
import subprocess
import sys

from ops.stack import repository, wait_until

from . import backlog

COLLECTOR = os.path.join("tests", "sandbox", "collector.py")


def start_collector(folder):
    """A collector that takes everything without a look, in a process of its own. The process and its address."""
    port_file = os.path.join(folder, "collector.port")
    process = subprocess.Popen([sys.executable, os.path.join(repository(), COLLECTOR), "--port-file", port_file])

    def port():
        if not os.path.exists(port_file):
            return None
        with open(port_file, encoding="ascii") as f:
            return f.read()

    return process, f"http://127.0.0.1:{wait_until(port, 10, 'the collector to listen')}"


def ratios(bench, runs, repetitions):
    """Throughput with spans divided by that without, once for each repetition."""
    collector, url = start_collector(bench.stack.folder)
    found = []
    try:
        for _ in range(repetitions):
            off = backlog.drain(bench, "test/noop", "test-noop", runs)["runs_per_s"]
            on = backlog.drain(bench, "test/noop", "test-noop", runs, OTEL_EXPORTER_OTLP_ENDPOINT=url)["runs_per_s"]
            found.append(on / off)
    finally:
        collector.terminate()
        collector.wait(timeout=10)
    return found
