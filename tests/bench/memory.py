"""What a run costs Redis while it waits for a slot."""

import json
import time

from ops.stack import wait_until

from .resp import xadd

RUNS, LIMIT = 20000, 20
CREATOR = "creator-who-waits"


def settled_memory(redis):
    """Bytes used for data: without the buffers of connections and of the append-only file, which come and go."""
    redis.call("MEMORY", "PURGE")
    before = None
    while True:
        info = redis.info("memory")
        used = sum(sign * int(info[name]) for name, sign in
                   (("used_memory", 1), ("mem_clients_normal", -1), ("mem_aof_buffer", -1)))
        if before is not None and abs(used - before) < 20000:
            return used
        before = used
        time.sleep(0.3)


def measure(bench, runs=RUNS):
    """Bytes per waiting run, and the bytes of that which are the event's own data. Leaves the runs in Redis: nothing
    can be measured after it."""
    bench.forget_history()
    bench.start_daemons(wait=True, worker=False)
    data = json.dumps({"videoId": "0b54cc37-2b2e-4d0c-8b3e-2f3f61d7c001", "creatorId": CREATOR, "source": "youtube"},
                      separators=(",", ":"))
    before = settled_memory(bench.redis)
    bench.send([xadd("test/noop", data)] * runs)
    wait_until(lambda: bench.redis.call("XLEN", "chronos:events") == 0, 60, "the scheduler to route the events",
               logs=bench.stack.logs())
    waiting = bench.redis.call("ZCARD", f"{{c0}}:wait:test-noop:{CREATOR}")
    if waiting != runs - LIMIT:
        raise RuntimeError(f"{waiting} runs are waiting, not {runs - LIMIT}")
    each = (settled_memory(bench.redis) - before) / runs
    bench.stop_daemons()
    return {"total": each, "payload": len(data), "beside_payload": each - len(data)}
