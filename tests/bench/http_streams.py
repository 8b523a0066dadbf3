"""What a thousand open event streams cost the console, and whether all of them are told."""

import json
import selectors
import socket
import time

from .bench import event_data
from .processes import cpu_of
from .resp import xadd
from .videos import status_of
from .wire import Load, http_get

STREAMS = 1000
ANSWER_S = 30
QUIET_S = 10
WARM_UP = 2000


class Streams:
    """Open connections to /v1/stream, read by one loop."""

    def __init__(self, port, key, count):
        self.selector = selectors.DefaultSelector()
        self.got = {}
        request = http_get("/v1/stream?topics=event", authorization=f"Bearer {key}")
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), timeout=20)
            s.sendall(request)
            s.setblocking(False)
            self.got[s] = b""
            self.selector.register(s, selectors.EVENT_READ)

    def until_all(self, word, what):
        """Until every stream has had that word; the monotonic times of the first and the last that had."""
        seen, first = set(), None
        end = time.monotonic() + ANSWER_S
        while len(seen) < len(self.got):
            for key, _ in self.selector.select(timeout=1):
                part = key.fileobj.recv(65536)
                if not part:
                    raise RuntimeError("the console has closed a stream")
                self.got[key.fileobj] = self.got[key.fileobj][-200:] + part
                if word in self.got[key.fileobj]:
                    first = first or time.monotonic()
                    seen.add(key.fileobj)
            if time.monotonic() > end:
                raise RuntimeError(f"{len(seen)} of {len(self.got)} streams had {what}")
        return first, time.monotonic()

    def close(self):
        for s in self.got:
            s.close()
        self.selector.close()


def measure(bench, key):
    """MB that the streams take in the console, and how long one event is on its way to the first and to the last of them."""
    pid = bench.console.process.pid
    Load(bench, "http", "warm-up", [http_get("/v1/me", authorization=f"Bearer {key}")]).run(bench.console_port, 16, WARM_UP)
    before_kb, threads_before = status_of(pid)
    streams = Streams(bench.console_port, key, STREAMS)
    try:
        streams.until_all(b"event: hello", "its greeting")
        open_kb, threads = status_of(pid)
        cpu = cpu_of(pid)
        time.sleep(QUIET_S)
        quiet = (cpu_of(pid) - cpu) / QUIET_S
        sent = time.monotonic()
        bench.redis.xadd_all([xadd("test/noop", event_data(0))])
        first, last = streams.until_all(b"event: event", "the event")
        told_kb, _ = status_of(pid)
    finally:
        streams.close()
    return {"streams": STREAMS, "mb_idle": round(before_kb / 1024, 1), "mb_open": round(open_kb / 1024, 1),
            "mb_told": round(told_kb / 1024, 1), "kb_per_stream": round((told_kb - before_kb) / STREAMS, 1),
            "threads_more": threads - threads_before, "quiet_cpu_percent": round(quiet * 100, 1),
            "told": STREAMS, "first_ms": round((first - sent) * 1000), "last_after_first_ms": round((last - first) * 1000)}
