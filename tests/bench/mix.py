"""A bit of everything that events can set off, at a steady rate and without end: what a soak is under."""

import json
import time

from .bench import CREATORS
from .resp import Resp, encode

EVERY = 100  # the mixture repeats
COLLECT_EVERY = 10 * EVERY  # those that are collected: what tells which run they became part of stays for an hour
NOOP_SHARE = 0.7
TICK_S = 0.01
AHEAD_S = 1.0  # of the load may be unfinished
WAKE_AFTER = 15 * EVERY  # events until the one that a waiting run is after


def event(i):
    """(name, data, id) of the i-th event."""
    at, ident = i % EVERY, None
    name, more = "test/noop", {}
    if at >= 99:
        name, more = "test/invoker", {"payload": {"n": i}}
    elif at >= 94 and i % COLLECT_EVERY >= EVERY:
        name = "test/three"
    elif at >= 96:
        name, more = "test/batch", {"key": f"k{i % 7}", "n": i}
    elif at >= 94:
        name, more = "test/debounce", {"key": f"k{i // COLLECT_EVERY % 4}", "n": i}
    elif at >= 93:
        name = "test/permanent"
    elif at >= 92:
        name, ident = "test/three", f"again-{i // (10 * EVERY)}"  # sent ten times
    elif at >= 87:
        name, ident = "test/three", f"once-{i}"
    elif at >= 85:
        name, more = "test/go", {"key": i - 2 - WAKE_AFTER}
    elif at >= 83:
        name, more = "test/waiter", {"key": i, "timeoutMs": 10000}
    elif at >= 80:
        name, more = "test/sleeper", {"ms": 1000}
    elif at >= 78:
        name, more = "test/flaky", {"until": 2}
    elif at >= NOOP_SHARE * EVERY:
        name = "test/three"
    return name, {"creatorId": f"creator-{i * 7919 % CREATORS}", **more}, ident


def command(i):
    name, data, ident = event(i)
    words = ["XADD", "chronos:events", "*", "name", name, "data", json.dumps(data, separators=(",", ":"))]
    return encode(*words, *(["id", ident] if ident else []))


def unfinished(redis):
    """What has not been begun, or not been archived."""
    return sum(redis.call("XLEN", key) for key in ("chronos:events", "{c0}:ready:test-noop", "{c0}:ready:test-three",
                                                   "{c0}:history"))


def produce(port, rate, first, stop, sent):
    """Sends at `rate` from the event `first` on until told to stop; `sent` always has the number of them. What the machine
    cannot do at that rate, as others use it too, is not sent: else a queue would be measured that grows by itself."""
    redis = Resp(port)
    last, due = time.monotonic(), 0.0
    while not stop.is_set():
        now = time.monotonic()
        if unfinished(redis) < AHEAD_S * rate:
            due = min(due + (now - last) * rate, rate)
        last, whole = now, int(due)
        redis.xadd_all([command(first + sent.value + i) for i in range(whole)])
        sent.value += whole
        due -= whole
        time.sleep(TICK_S)
    redis.close()
