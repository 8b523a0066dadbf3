"""Prepared requests over connections that stay open (wire_load.c), and what the processes on this machine used meanwhile."""

import os
import subprocess

from .processes import cpu_of, machine_busy
from .resp import encode


def http_post(path, body, **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def http_get(path, **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()


def xadd_as_accepted(stream, event):
    """As the engine's script writes an event that came over HTTP, without the script."""
    return encode("XADD", stream, "*", *[word for field in event.items() for word in field])


class Load:
    """One kind of requests. `answers` is how many each of them gets."""

    def __init__(self, bench, protocol, name, requests, answers=1):
        self.program = os.path.join(bench.stack.build, "wire_load")
        self.protocol = protocol
        self.file = os.path.join(bench.stack.folder, f"{name}.requests")
        with open(self.file, "wb") as f:
            for request in requests:
                f.write(b"%d %d\n%s" % (len(request), answers, request))

    def start(self, port, connections, requests, per_second=0):
        words = [self.program, self.protocol, port, connections, requests, per_second, self.file]
        return subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, port, connections, requests, per_second=0):
        return result_of(self.start(port, connections, requests, per_second))


def result_of(process):
    """{"seconds", "cpu_s", "p50", "p95", "p99", "max"}; latencies in ms."""
    out, problem = process.communicate(timeout=300)
    if process.returncode != 0:
        raise RuntimeError(problem.strip() or f"wire_load ended with {process.returncode}")
    return dict(zip(("seconds", "cpu_s", "p50", "p95", "p99", "max"), (float(v) for v in out.split())))


class Cores:
    """How many cores each of some processes, and all that is none of them, kept busy since this was made."""

    def __init__(self, **pids):
        self.pids = pids
        self.before = {name: cpu_of(pid) for name, pid in pids.items()}
        self.busy = machine_busy()

    def read(self, seconds, **more):
        """`more`: CPU seconds of those that have ended."""
        used = {name: cpu_of(pid) - self.before[name] for name, pid in self.pids.items()}
        used.update(more)
        used["others"] = max(0.0, machine_busy() - self.busy - sum(used.values()))
        return {name: round(value / seconds, 3) for name, value in used.items()}
