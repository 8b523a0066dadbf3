"""How fast a prepared backlog is drained, who spends the CPU, and what Redis alone could carry."""

import os
import subprocess
import time

from .bench import CREATORS, event_data
from .processes import CpuMeter, busiest_thread, cpu_of
from .resp import xadd

LIMIT_DATABASE = 1
LIMIT_RUNS = 20000
# runs per enqueue, runs per claim and commit, calls in flight
ONE_BY_ONE = (1, 1, 64)
BATCHED = (256, 64, 4)


def drain(bench, event, function, count, owners=CREATORS, **settings):
    """One repetition: everything is in the stream before the daemons are launched."""
    bench.forget_history()
    sending = bench.send([xadd(event, event_data(i, owners)) for i in range(count)])
    meter = CpuMeter(bench.stack)
    begin = time.monotonic()
    bench.start_daemons(wait=False, **settings)
    seconds = bench.wait_archived(function, count) - begin
    used, others = meter.read(bench.scheduler, bench.worker)
    threads = {name: busiest_thread(d.process.pid) / seconds
               for name, d in (("scheduler", bench.scheduler), ("worker", bench.worker))}
    bench.stop_daemons()
    return {"runs_per_s": count / seconds, "xadd_per_s": count / sending, "seconds": seconds, "runs": count,
            "cpu_s": used, "others_cores": others / seconds, "busiest_thread": threads}


def redis_limit(bench, shape, runs=LIMIT_RUNS):
    """The scripts alone, in a database of their own of the same Redis: runs per second, and Redis' CPU µs per run."""
    program = os.path.join(bench.stack.build, "redis_limit")
    redis = bench.stack.redis.process.pid
    before = cpu_of(redis)
    words = [program, bench.stack.redis.port, LIMIT_DATABASE, runs, *shape]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return runs / sum(float(s) for s in done.stdout.split()[:2]), (cpu_of(redis) - before) / runs * 1e6


def bounded_by(repetition):
    """What a drain waited for, and the evidence."""
    seconds, cores = repetition["seconds"], os.cpu_count()
    share = {name: cpu / seconds for name, cpu in repetition["cpu_s"].items()}
    others = repetition["others_cores"]
    total = sum(share.values()) + others
    split = ", ".join(f"{name} {value:.2f}" for name, value in sorted(share.items(), key=lambda s: -s[1]))
    evidence = f"of {cores} cores {total:.2f} were busy: {split}, other programs and the kernel {others:.2f}"
    thread, busy = max(repetition["busiest_thread"].items(), key=lambda t: t[1])
    # the start of the daemons and the last rows of the archive belong to the time, too: nobody reaches 100 %
    if share["redis"] >= 0.8:
        return f"Redis, whose one thread is busy {share['redis']:.0%} of the time ({evidence})"
    if busy >= 0.8:
        return f"one thread of the {thread}, busy {busy:.0%} of the time ({evidence})"
    if total >= 0.85 * cores and others > 0.25 * cores:
        return f"other programs, which leave too little of this machine: measure again when it is quiet ({evidence})"
    if total >= 0.85 * cores:
        return f"the processors of this machine, all busy ({evidence})"
    return f"waiting: round trips and the disk ({evidence})"
