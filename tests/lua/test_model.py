"""Random calls against a model of what the scripts promise; after each call Redis and the model must agree.

    CHRONOS_TEST_SEED=n           the same calls again (a failure prints its seed and the last calls)
    CHRONOS_TEST_FUZZ_SECONDS=s   how long; 15 unless told
"""

import collections
import os
import random
import time

from model import Model
from partition import outcome, run

STEPS = [(Model.enqueue, 5), (Model.claim, 7), (Model.commit, 11), (Model.fire_timers, 4), (Model.hear_event, 2),
         (Model.resume_run, 1.5), (Model.cancel_run, 0.7), (Model.pass_deadlines, 0.3), (Model.reap_worker, 1),
         (Model.drop_consumer, 0.5), (Model.lost_leases, 0.3), (Model.set_pause, 0.7), (Model.set_override, 0.4),
         (Model.set_weight, 0.2), (Model.change_a_limit, 0.4), (Model.change_the_limits_of_a_function, 0.2),
         (Model.an_hour_passes, 0.4), (Model.archive, 0.2), (Model.check_listeners, 0.5),
         (Model.explain, 0.5)]


def play(p, seed, kind=Model):
    rnd = random.Random(seed)
    model = kind(p, rnd)
    steps, weights = zip(*STEPS)
    try:
        for n in range(rnd.randint(10, 250)):
            if n % 5 == 0:
                model.audit()
            model.checked = False
            rnd.choices(steps, weights)[0](model)
            if not model.checked:
                model.check(may_admit=False)
        model.audit()
        model.drain()
    except Exception:
        print(f"CHRONOS_TEST_SEED={seed}; the last calls:")
        for call in model.calls:
            print("  ", call)
        raise


def test_random_calls_keep_every_promise(p):
    given = os.environ.get("CHRONOS_TEST_SEED")
    if given:
        play(p, int(given))
        return
    end = time.monotonic() + float(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "15"))
    while time.monotonic() < end:
        play(p, random.randrange(10**9))


def test_random_traffic_is_served_in_turns(p):
    """While a queue waits, no other queue of its limit is served more than twice, whatever runs elsewhere."""
    end = time.monotonic() + float(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "15")) / 3
    seed = int(os.environ.get("CHRONOS_TEST_SEED") or random.randrange(10**9))
    while time.monotonic() < end:
        traffic(p, seed)
        seed += 1


def traffic(p, seed):
    rnd = random.Random(seed)
    p.redis.flushall()
    p.redis.hset(p.key("schedulers"), "s1", 1)
    p.redis.hset(p.key("limits"), mapping={"f": f"{rnd.randint(1, 4)} slow\n", "busy": "1 busy\n"})
    for fn in ("f", "busy"):
        p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)
    p.enqueue(*[run(f"busy.{n}", "busy", f"k{n % 2}") for n in range(400)])
    numbers = iter(range(10**6))
    passed = collections.defaultdict(collections.Counter)  # queue that waits -> queue -> how often it was served
    waiting = set()
    for _ in range(150):
        if rnd.random() < 0.6:
            key = rnd.choice("abcdef")
            count = 12 if key == "a" and rnd.random() < 0.5 else 1
            p.enqueue(*[run(f"{key}.{next(numbers)}", "f", key) for _ in range(count)])
        for fn in rnd.choice([("f",), ("busy",) * 5 + ("f",), ("busy", "f", "f")]):
            claimed = p.claim("w1", 1, fn)
            before = set(p.ready(fn))
            p.commit("w1", *[outcome("finish", fn, entry, run_id) for _, entry, run_id, _, _, _ in claimed])
            for served in [r.split(".")[0] for r in set(p.ready(fn)) - before if fn == "f"]:
                passed.pop(served, None)
                for queue in waiting - {served}:
                    passed[queue][served] += 1
                    assert passed[queue][served] <= 2, f"CHRONOS_TEST_SEED={seed}: {queue} waits for {served}"
            waiting = {key for key in "abcdef" if p.waiting("f", key)}
            for queue in set(passed) - waiting:
                del passed[queue]
