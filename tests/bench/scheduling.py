"""What the scheduling rules cost, and how promptly they act."""

import json
import os
import statistics
import subprocess
import time

from ops.stack import wait_until

from . import backlog
from .bench import event_data
from .latency import LATENCIES, percentiles
from .resp import encode

OWNERS = 10000
WAITING = (10, 1000, 100000)
TIMERS = 1000000
FUTURE_EVENTS, FUTURE_FIRST_MS, FUTURE_APART_MS = 300, 3000, 10
SLOT_RUNS, SLOT_STEP_MS = 300, 5
SCHEDULERS, TICKS = 10, 2000
KILLS = 5


# ---- limits ----
def limits_ratio(bench, runs, pairs):
    """Drains of runs of 10,000 owners: each owner may run one at a time and has others waiting, against no limit at all. The first
    pair is not counted: Redis takes its memory from the system meanwhile. Then the one and the other go first in turn."""
    ratios = []
    order = [("test/unlimited", "test-unlimited"), ("test/noop", "test-noop")]
    for _ in range(1 + pairs):
        rates = {}
        for event, function in order:
            rates[function] = backlog.drain(bench, event, function, runs, owners=OWNERS,
                                            CHRONOS_LIMITS="test-noop=1")["runs_per_s"]
        order.reverse()
        ratios.append(rates["test-noop"] / rates["test-unlimited"])
    return ratios[1:]


def admission(bench):
    """Redis' CPU µs per finished run while that many owners wait behind one limit, and each end admits the next."""
    program = os.path.join(bench.stack.build, "redis_limit")
    costs = {}
    for waiting in WAITING:
        runs = max(2 * waiting, 22000)
        words = [program, bench.stack.redis.port, backlog.LIMIT_DATABASE, runs, *backlog.BATCHED,
                 waiting, 0, 100, 20000]
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        costs[f"{waiting}_waiting"] = round(float(done.stdout.split()[3]) / 20000 * 1e6, 1)
    return costs


# ---- time ----
def fill_timers(bench):
    far = int(time.time() * 1000) + 10**9
    for at in range(0, TIMERS, 10000):
        words = [word for i in range(at, at + 10000) for word in (far + i, f"far-{i}")]
        bench.redis.call("ZADD", "{c0}:timers", *words)


def timer_precision(bench):
    """ms between an event's ts and the first instruction of its step, with a million other timers."""
    bench.forget_history()
    bench.start_daemons(wait=True)
    fill_timers(bench)
    first = int(time.time() * 1000) + FUTURE_FIRST_MS
    for i in range(FUTURE_EVENTS):
        due = first + i * FUTURE_APART_MS
        bench.redis.call("XADD", "chronos:events", "*", "name", "test/stamp", "ts", due, "data",
                         event_data(i, sentUs=due * 1000))
    bench.wait_archived("test-stamp", FUTURE_EVENTS)
    bench.stop_daemons()
    bench.redis.call("UNLINK", "{c0}:timers")
    late = [r["us"] for r in bench.stack.postgres.rows(LATENCIES)]
    return {**percentiles(late), "max": max(late) / 1000, "early": sum(us < 0 for us in late)}


def happenings(bench, what):
    """[(monotonic µs, pid)…] of the fixtures' trace."""
    path = os.path.join(bench.stack.folder, "work", "steps.log")
    with open(path, encoding="utf-8") as f:
        words = [line.split() for line in f if line.endswith("\n")]
    return [(int(w[0]), int(w[6])) for w in words if w[1] == what]


def forget_trace(bench):
    path = os.path.join(bench.stack.folder, "work", "steps.log")
    if os.path.exists(path):
        os.unlink(path)


def slot_reuse(bench):
    """ms from the last instruction of a step that held an owner's only slot to the first one of the next run's."""
    bench.forget_history()
    forget_trace(bench)
    bench.start_daemons(wait=True, CHRONOS_LIMITS="test-slow=1")
    for _ in range(SLOT_RUNS):
        bench.redis.call("XADD", "chronos:events", "*", "name", "test/slow", "data",
                         json.dumps({"creatorId": "one", "ms": SLOT_STEP_MS}))
    bench.wait_archived("test-slow", SLOT_RUNS)
    bench.stop_daemons()
    starts, ends = happenings(bench, "start"), happenings(bench, "after")
    gaps = [start[0] - end[0] for end, start in zip(ends, starts[1:])]
    return {**percentiles(gaps), "overlaps": sum(gap < 0 for gap in gaps)}


def kill_to_next_attempt(bench, kills=KILLS):
    """ms from kill -9 of a worker to the first instruction of its run's next attempt on another one, default settings."""
    bench.forget_history()
    gaps = []
    for _ in range(kills):
        forget_trace(bench)
        bench.start_daemons(wait=True)
        other = bench.stack.daemon("worker", "second").start()
        bench.redis.call("XADD", "chronos:events", "*", "name", "test/slow", "data",
                         json.dumps({"creatorId": "one", "ms": 20000}))
        wait_until(lambda: happenings(bench, "start") if os.path.exists(
            os.path.join(bench.stack.folder, "work", "steps.log")) else None, 20, "the step to start",
            logs=bench.stack.logs(), interval=0.05)
        victim = next(d for d in (bench.worker, other) if d.process.pid == happenings(bench, "start")[0][1])
        killed = time.monotonic_ns() // 1000
        victim.kill()
        wait_until(lambda: len(happenings(bench, "start")) > 1, 30, "the next attempt", logs=bench.stack.logs(),
                   interval=0.02)
        gaps.append((happenings(bench, "start")[1][0] - killed) / 1000)
        bench.redis.call("FLUSHALL")  # the run is not waited for
        other.kill()
        bench.stop_daemons()
        bench.stack.postgres.sql("truncate chronos.events, chronos.runs, chronos.run_steps")
    return {"median": statistics.median(gaps), "min": min(gaps), "max": max(gaps)}


# ---- cron ----
def cron_tick(bench):
    """Redis' CPU µs for a tick that ten schedulers want to send: one does, the others are told so."""
    text = subprocess.run(["awk", "-v", "plain=1", "-f", "lua/assemble.awk", "lua/tick_cron.lua"],
                          capture_output=True, check=True).stdout
    redis = bench.redis
    redis.call("SELECT", backlog.LIMIT_DATABASE)
    sha = redis.call("SCRIPT", "LOAD", text)
    for i in range(SCHEDULERS):
        redis.call("HSET", "{t}:schedulers", f"s{i}", "1")
    redis.call("HSET", "{t}:cron", "fn", 0)
    commands = [encode("EVALSHA", sha, 1, "{t}", f"s{i}", "fn", tick - 1, tick, f"event-{tick}", '{"cron":"* * * * *"}', "")
                for tick in range(1, TICKS + 1) for i in range(SCHEDULERS)]
    before = float(redis.info("cpu")["used_cpu_user"]) + float(redis.info("cpu")["used_cpu_sys"])
    sent = 0
    for at in range(0, len(commands), 100):
        part = commands[at:at + 100]
        redis.socket.sendall(b"".join(part))
        sent += sum(redis.reply() == [0] for _ in part)
    after = float(redis.info("cpu")["used_cpu_user"]) + float(redis.info("cpu")["used_cpu_sys"])
    if sent != TICKS:
        raise RuntimeError(f"{sent} ticks were sent, not {TICKS}")
    redis.call("FLUSHDB")
    redis.call("SELECT", 0)
    return {"redis_cpu_us": round((after - before) / TICKS * 1e6, 1)}
