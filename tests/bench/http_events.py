"""Events through the console's door beside the same events through XADD: one at a time and a hundred at a time."""

import json

from .bench import CREATORS
from .wire import Cores, Load, http_post, xadd_as_accepted

CONNECTIONS = 32
BATCH = 100
ONE_BY_ONE, BATCHES = 30000, 1500  # requests of a repetition
PREPARED = 500
STREAM = "{c0}:events"
EVENT_KEY = "bench"


def event(i):
    return {"name": "test/noop", "ts": 1764000000000 + i,
            "data": {"creatorId": f"creator-{i % CREATORS}", "videoId": "0b54cc37-2b2e-4d0c-8b3e-2f3f61d7c001", "source": "youtube"}}


def entry(i):
    """The fields that the same event has in the stream when it came over HTTP."""
    e = event(i)
    return {"from": "outbox", "eid": f"01KAQ8Z2W3N7V5T0R9E1{i:06d}", "at": 1764000000000 + i, "name": e["name"],
            "data": json.dumps(e["data"], separators=(",", ":")), "ts": e["ts"]}


def posts(size):
    bodies = (json.dumps([event(i + k) for k in range(size)], separators=(",", ":")) for i in range(0, PREPARED * size, size))
    return [http_post(f"/e/{EVENT_KEY}", body, user_agent="inngest-js:v4.24.0", x_inngest_sdk="inngest-js:v4.24.0") for body in bodies]


def adds(size):
    return [b"".join(xadd_as_accepted(STREAM, entry(i + k)) for k in range(size)) for i in range(0, PREPARED * size, size)]


def door(bench, load, port, requests, size):
    """Events per second, and who kept how many cores busy."""
    bench.redis.call("UNLINK", STREAM)
    cores = Cores(console=bench.console.process.pid, redis=bench.stack.redis.process.pid)
    result = load.run(port, CONNECTIONS, requests)
    used = cores.read(result["seconds"], load=result["cpu_s"])
    length = bench.redis.call("XLEN", STREAM)
    if length != requests * size:
        raise RuntimeError(f"{length} events are in the stream, not {requests * size}")
    each = result["seconds"] / (requests * size) * 1e6
    return {"per_s": requests * size / result["seconds"], "cores": used,
            "cpu_us": {name: round(used[name] * each, 2) for name in ("console", "redis", "load")}}


def compare(bench, size, requests, repetitions):
    """What both doors did; they take turns."""
    doors = {"post": (Load(bench, "http", f"post-{size}", posts(size)), bench.console_port),
             "xadd": (Load(bench, "redis", f"xadd-{size}", adds(size), answers=size), bench.stack.redis.port)}
    rounds = {name: [] for name in doors}
    for _ in range(repetitions):
        for name, (load, port) in doors.items():
            rounds[name].append(door(bench, load, port, requests, size))
    bench.redis.call("UNLINK", STREAM)
    return rounds


def measure(bench, repetitions):
    """{"single": {"post": [a repetition…], "xadd": […]}, "batches": …}"""
    return {"single": compare(bench, 1, ONE_BY_ONE, repetitions), "batches": compare(bench, BATCH, BATCHES, repetitions)}
