"""What keeps a run from starting, or from starting now: the options of enqueue."""

import json
import random

import pytest
import redis

from partition import GONE, NEWCOMER, NOW, after, now_plus, outcome, run

ADMITTED, WAITS, PARKED, THERE = 0, 1, 2, 3
SCHEDULERS = {"schedulers": {"s1": "1"}}
KEYS = ["", "a", ":", "a:b", "%s %d", "é ☃", "x" * 128, "\udcff\udcfe\x00"]


def run_hash(fn="f", key="k", seq=1, at=1000, **more):
    return {"fn": fn, "key": key, "seq": str(seq), "at": str(at), **more}


def entries(*runs):
    return {"entries": [("*", r) for r in runs]}


def started(run_id="r1", seq=1, **more):
    """What a run of f without limits leaves when it is admitted."""
    return {"seq": str(seq), f"run:{run_id}": run_hash(seq=seq, entry="*", **more), f"input:{run_id}": "{}",
            "ready:f": entries(run_id)}


def skipped(reply):
    """The reason of the only run's outcome."""
    code, (word, reason) = reply
    assert (code, word) == (0, 5)
    return reason


def with_workers(p, fn="f"):
    p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)


def finish(p, fn="f", worker="w1", **more):
    """The run that is claimed next ends; its id."""
    (_, entry, run_id, *_), = p.claim(worker, 1, fn)
    assert p.commit(worker, outcome("finish", fn, entry, run_id, **more)) == [0]
    return run_id


def full(p, name="all"):
    """A limit that one run, which is nowhere, fills."""
    return p.seed({**SCHEDULERS, "limits": {"f": f"1 {name}\n"}, "slots:" + name: {"r0"}})


# ---- once: a second run with the key is skipped ----

@pytest.mark.parametrize("key", KEYS)
def test_once_notes_the_first(p, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", once=[60000, key])) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(), "once:f:" + key: "r1"})
    assert 59000 < p.redis.pttl(p.key("once:f:" + key)) <= 60000


def test_once_skips_the_second_and_names_the_first(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", once=[60000, "x"]))
    before = p.dump()
    assert skipped(p.enqueue(run("r2", "f", once=[60000, "x"]))) == "idempotency: run r1 had this key"
    assert p.dump() == after(before, {"seq": "2"})


def test_once_is_the_same_when_the_call_is_repeated(p):
    p.seed(SCHEDULERS)
    batch = [run("r1", "f", once=[60000, "x"]), run("r2", "f", once=[60000, "x"])]
    first = p.enqueue(*batch)
    before = p.dump()
    assert p.enqueue(*batch) == [0, THERE, first[2]]
    assert p.dump() == after(before, {"seq": "4"})


def test_once_holds_after_the_run_has_ended_and_was_archived(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", once=[60000, "x"]))
    finish(p)
    p.redis.unlink(p.key("run:r1"), p.key("input:r1"))
    assert "r1" in skipped(p.enqueue(run("r2", "f", once=[60000, "x"])))


def test_once_lets_the_same_run_in_again_when_its_hash_was_lost(p):
    """Rebuilt after a loss: the key is its own."""
    p.seed({**SCHEDULERS, "once:f:x": "r1"})
    assert p.enqueue(run("r1", "f", once=[60000, "x"])) == [0, ADMITTED]


def test_once_tells_functions_and_keys_apart(p):
    p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", once=[60000, "x"]), run("r2", "g", once=[60000, "x"]),
                     run("r3", "f", once=[60000, "y"])) == [0, ADMITTED, ADMITTED, ADMITTED]


def test_once_ends_with_its_time(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", once=[60000, "x"]))
    p.redis.delete(p.key("once:f:x"))
    assert p.enqueue(run("r2", "f", once=[60000, "x"])) == [0, ADMITTED]


# ---- rate: what is over it is skipped ----

def age_starts(p, ms, name="rate:f:x"):
    """As if the starts had been so much earlier."""
    for member, score in p.redis.zrange(p.key(name), 0, -1, withscores=True):
        p.redis.zadd(p.key(name), {member: score - ms})


@pytest.mark.parametrize("key", KEYS)
def test_rate_keeps_each_start(p, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", rate=[2, 60000, key])) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(), "rate:f:" + key: [("r1", NOW)]})
    assert 59000 < p.redis.pttl(p.key("rate:f:" + key)) <= 60000


def test_rate_skips_what_is_over_it(p):
    p.seed(SCHEDULERS)
    batch = [run(f"r{n}", "f", rate=[2, 60000, "x"]) for n in range(4)]
    reason = [5, "rate limit: 2 starts in 60000 ms"]
    assert p.enqueue(*batch) == [0, ADMITTED, ADMITTED, reason, reason]
    assert p.ready("f") == ["r0", "r1"]
    assert len(p.dump()["rate:f:x"]) == 2


def test_rate_counts_a_start_once_when_the_call_is_repeated(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", rate=[2, 60000, "x"]))
    before = p.dump()
    assert p.enqueue(run("r1", "f", rate=[2, 60000, "x"])) == [0, THERE]
    assert p.dump() == after(before, {"seq": "2"})


def test_rate_has_room_again_when_a_start_is_a_period_ago(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", rate=[1, 60000, "x"]))
    age_starts(p, 59000)
    skipped(p.enqueue(run("r2", "f", rate=[1, 60000, "x"])))
    age_starts(p, 1000)
    assert p.enqueue(run("r3", "f", rate=[1, 60000, "x"])) == [0, ADMITTED]
    assert p.dump()["rate:f:x"] == [("r3", NOW)]


def test_rate_tells_functions_and_keys_apart(p):
    p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", rate=[1, 60000, "x"]), run("r2", "g", rate=[1, 60000, "x"]),
                     run("r3", "f", rate=[1, 60000, "y"])) == [0, ADMITTED, ADMITTED, ADMITTED]


@pytest.mark.parametrize("seed", range(5))
def test_rate_in_no_period_are_there_more(p, seed):
    rnd = random.Random(seed)
    limit, period, passed, starts = rnd.randint(1, 5), 100000, 0, []
    p.seed(SCHEDULERS)
    for n in range(200):
        step = rnd.choice([0, 10, 1000, 30000])
        age_starts(p, step)
        passed += step
        if p.enqueue(run(f"r{n}", "f", rate=[limit, period, "x"])) == [0, ADMITTED]:
            starts.append(passed)
    assert limit < len(starts) < 200
    # the time that the test itself takes comes on top of the steps
    assert all(late - early >= period - 9000 for early, late in zip(starts, starts[limit:])), starts


# ---- throttle: what is over it starts later ----

def throttled(*runs, max_=1, period=60000, burst=1, key="x"):
    return [run(r, "f", throttle=[max_, period, burst, key]) for r in runs]


def free_at(p, name="throttle:f:x"):
    return float(p.redis.get(p.key(name)))


@pytest.mark.parametrize("key", KEYS)
def test_throttle_lets_the_first_go_at_once(p, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(*throttled("r1", key=key)) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(), "throttle:f:" + key: now_plus(60000)})
    assert 60000 < p.redis.pttl(p.key("throttle:f:" + key)) <= 61000


def test_throttle_parks_the_others_one_interval_apart(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(*throttled("r1", "r2", "r3", max_=6)) == [0, ADMITTED, PARKED, PARKED]
    assert p.dump() == after(before, {
        **started(), "seq": "3", "throttle:f:x": now_plus(30000),
        "run:r2": run_hash(seq=2), "input:r2": "{}", "run:r3": run_hash(seq=3), "input:r3": "{}",
        "timers": [("r2", now_plus(10000)), ("r3", now_plus(20000))]})


@pytest.mark.parametrize("max_, burst", [(1, 1), (1, 3), (3, 1), (3, 2), (7, 7), (50, 4), (60000, 1)])
def test_throttle_lets_a_burst_go_and_then_one_every_interval(p, max_, burst):
    p.seed(SCHEDULERS)
    ids = [f"r{n:03}" for n in range(200)]
    reply = p.enqueue(*throttled(*ids, max_=max_, burst=burst))
    # 200 sums of a fraction and of ms since 1970, which a double tells to a quarter of a microsecond
    base, interval = round(free_at(p) - 200 * 60000 / max_), 60000 / max_
    assert NOW == base
    assert reply == [0] + [ADMITTED] * burst + [PARKED] * (200 - burst)
    assert p.ready("f") == ids[:burst]
    timers = p.redis.zrange(p.key("timers"), 0, -1, withscores=True)
    assert [r for r, _ in timers] == ids[burst:]
    for n, (_, due) in enumerate(timers):
        assert -0.1 < due - (base + (n + 1) * interval) < 1.1


def test_throttle_gives_a_burst_again_after_a_quiet_time(p):
    p.seed({**SCHEDULERS, "throttle:f:x": p.now_ms() - 10**6})
    assert p.enqueue(*throttled("r1", "r2", "r3", burst=2)) == [0, ADMITTED, ADMITTED, PARKED]


def test_throttle_gives_back_of_a_burst_what_time_has_passed(p):
    """One interval after a full burst one more may go."""
    p.seed(SCHEDULERS)
    p.enqueue(*throttled("r1", "r2", "r3", burst=3))
    p.redis.set(p.key("throttle:f:x"), free_at(p) - 60000)
    assert p.enqueue(*throttled("r4", "r5", burst=3)) == [0, ADMITTED, PARKED]


def test_throttle_takes_no_second_place_when_the_call_is_repeated(p):
    p.seed(SCHEDULERS)
    p.enqueue(*throttled("r1", "r2"))
    before = p.dump()
    assert p.enqueue(*throttled("r1", "r2")) == [0, THERE, THERE]
    assert p.dump() == after(before, {"seq": "4"})


def test_throttle_of_a_run_whose_time_has_come_is_over(p):
    p.seed(SCHEDULERS)
    p.enqueue(*throttled("r1", "r2"))
    p.redis.zadd(p.key("timers"), {"r2": 1})
    before = p.dump()
    assert p.fire_timers() == [1, 1, -1]
    assert p.dump() == after(before, {"timers": GONE, "ready:f": entries("r1", "r2"),
                                      "run:r2": {**before["run:r2"], "entry": "*", "limits": ""}})


def test_throttle_begins_to_count_when_a_future_run_is_due(p):
    due = p.now_ms() + 600000
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", due=due, throttle=[1, 60000, 1, "x"])) == [0, PARKED]
    assert p.dump() == after(before, {"seq": "1", "run:r1": run_hash(throttle="1\n60000\n1\nx"), "input:r1": "{}",
                                      "timers": [("r1", due)]})
    assert p.enqueue(*throttled("r2")) == [0, ADMITTED]
    p.redis.zadd(p.key("timers"), {"r1": 1})
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (1, 0) and 59000 < wait <= 60000
    assert p.dump()["run:r1"] == run_hash()
    assert free_at(p) == p.redis.zscore(p.key("timers"), "r1") + 60000
    p.redis.zadd(p.key("timers"), {"r1": 1})
    assert p.fire_timers() == [1, 1, -1]


def test_throttle_and_a_full_limit(p):
    before = full(p)
    assert p.enqueue(*throttled("r1")) == [0, WAITS]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": run_hash(), "input:r1": "{}", "throttle:f:x": now_plus(60000),
        "wait:f:k": [("r1", 1)], "blocked:all": [("f:k", NEWCOMER)]})


# ---- single: at most one that has not ended ----

@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("mode", ["skip", "cancel"])
def test_single_is_noted_until_the_run_ends(p, mode, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", single=[mode, key])) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(ends=f"single {key}\n"), "single:f:" + key: "r1"})
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0")
    finish(p)
    assert "single:f:" + key not in p.dump()


def test_single_skip_while_the_other_has_not_ended(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", single=["skip", "x"]))
    before = p.dump()
    assert skipped(p.enqueue(run("r2", "f", single=["skip", "x"]))) == "singleton: run r1 has not ended"
    assert p.dump() == after(before, {"seq": "2"})


@pytest.mark.parametrize("other", [GONE, run_hash(done="1")])
def test_single_skip_goes_on_after_the_other(p, other):
    before = p.seed(after({**SCHEDULERS, "single:f:x": "r0"}, {"run:r0": other}))
    assert p.enqueue(run("r1", "f", single=["skip", "x"])) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(ends="single x\n"), "single:f:x": "r1"})


def test_single_tells_functions_and_keys_apart(p):
    p.seed(SCHEDULERS)
    for mode in ("skip", "cancel"):
        p.enqueue(run("a" + mode, "f", single=[mode, "x"]), run("b" + mode, "g", single=[mode, "x"]),
                  run("c" + mode, "f", single=[mode, "y"]))
        assert not any("done" in value for name, value in p.dump().items() if name.startswith("run:a" + mode))
    assert p.redis.get(p.key("single:g:x")) == "bcancel"


def cancelled(run_id, by, at=NOW):
    """What history and the events' stream get when another run takes its place."""
    reason = f"singleton: run {by} took its place"
    data = (f'{{"function_id":"chronos-f","run_id":"{run_id}","reason":"{reason}","event":{{}}}}')
    return {"history": [{"kind": "cancelled", "run": run_id, "at": at, "body": reason}],
            "events": [{"name": "inngest/function.cancelled", "data": data}]}


def test_single_cancel_of_a_run_that_is_ready(p):
    """Also when no worker has ever asked for the function, so that there is no group."""
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", single=["cancel", "x"]))
    before = p.dump()
    assert p.enqueue(run("r2", "f", single=["cancel", "x"])) == [0, ADMITTED]
    assert p.dump() == after(before, {
        **started("r2", 2, ends="single x\n"), "single:f:x": "r2",
        "run:r1": {**before["run:r1"], "entry": "", "done": "1"}, **cancelled("r1", "r2")})


def test_single_cancel_of_a_run_that_waits(p):
    full(p)
    p.enqueue(run("r1", "f", single=["cancel", "x"]))
    before = p.dump()
    assert p.enqueue(run("r2", "f", single=["cancel", "x"])) == [0, WAITS]
    assert p.dump() == after(before, {
        "seq": "2", "run:r2": run_hash(seq=2, ends="single x\n"), "input:r2": "{}", "single:f:x": "r2",
        "run:r1": {**before["run:r1"], "entry": "", "done": "1"}, "wait:f:k": [("r2", 2)],
        **cancelled("r1", "r2")})


def test_single_cancel_of_a_run_that_is_parked(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", due=p.now_ms() + 60000, single=["cancel", "x"]))
    before = p.dump()
    assert p.enqueue(run("r2", "f", single=["cancel", "x"])) == [0, ADMITTED]
    assert p.dump() == after(before, {
        **started("r2", 2, ends="single x\n"), "single:f:x": "r2", "timers": GONE,
        "run:r1": {**before["run:r1"], "entry": "", "done": "1"}, **cancelled("r1", "r2")})


def test_single_cancel_of_a_run_that_a_worker_holds(p):
    """It is only marked. Its slot of the single's own limit keeps the other waiting until the worker has let go."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 single/f:$\n"}})
    with_workers(p)
    p.enqueue(run("r1", "f", single=["cancel", "k"]))
    (_, entry, *_), = p.claim("w1", 1, "f")
    before = p.dump()
    assert p.enqueue(run("r2", "f", single=["cancel", "k"])) == [0, WAITS]
    assert p.dump() == after(before, {
        "seq": "2", "run:r2": run_hash(seq=2, ends="single k\n"), "input:r2": "{}", "single:f:k": "r2",
        "run:r1": {**before["run:r1"], "cancel": "singleton: run r2 took its place"},
        "wait:f:k": [("r2", 2)], "blocked:single/f:k": [("f:k", 0)]})
    assert p.commit("w1", outcome("finish", "f", entry, "r1", body="x")) == [4]
    state = p.dump()
    assert state["slots:single/f:k"] == {"r2"}
    assert state["single:f:k"] == "r2"
    assert p.ready("f") == ["r2"]
    assert finish(p) == "r2"
    assert "single:f:k" not in p.dump()


def test_single_cancel_several_times_in_one_batch(p):
    p.seed(SCHEDULERS)
    ids = [f"r{n}" for n in range(5)]
    assert p.enqueue(*[run(r, "f", single=["cancel", "x"]) for r in ids]) == [0] + [ADMITTED] * 5
    assert p.ready("f") == ["r4"]
    state = p.dump()
    assert [state["run:" + r].get("done") for r in ids] == ["1", "1", "1", "1", None]
    assert [h["run"] for h in state["history"]] == ids[:4]


def test_single_cancels_nobody_when_the_call_is_repeated(p):
    p.seed(SCHEDULERS)
    batch = [run("r1", "f", single=["cancel", "x"]), run("r2", "f", single=["cancel", "x"])]
    p.enqueue(*batch)
    before = p.dump()
    before["history"] = len(before["history"])
    assert p.enqueue(*batch) == [0, THERE, THERE]
    state = p.dump()
    state["history"] = len(state["history"])
    assert state == after(before, {"seq": "4"})


def test_single_of_a_run_that_ended_late_does_not_free_the_key_of_the_next(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", single=["cancel", "x"]))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.enqueue(run("r2", "f", single=["cancel", "x"]))
    assert p.commit("w1", outcome("finish", "f", entry, "r1")) == [4]
    assert p.redis.get(p.key("single:f:x")) == "r2"


# ---- priority: forward or backward among those of the queue ----

@pytest.mark.parametrize("ms, order", [(0, "ab"), (1, "ba"), (600000, "ba"), (-600000, "ab")])
def test_priority_moves_a_run_in_its_queue(p, ms, order):
    full(p)
    at = 1763970000000
    p.enqueue(run("a", "f", at=at), run("b", "f", at=at, priority=ms))
    assert p.waiting("f") == list(order)
    assert int(p.dump()["run:b"]["seq"]) == (at - ms - 1600000000000) * 4096 + 2


def test_priority_is_an_age_that_others_reach(p):
    full(p)
    at = 1763970000000
    p.enqueue(run("a", "f", at=at, priority=1000), run("early", "f", at=at - 1001), run("late", "f", at=at - 999))
    assert p.waiting("f") == ["early", "a", "late"]


def test_priority_stays_with_the_run(p):
    """A retry keeps its place."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    with_workers(p)
    at = 1763970000000
    p.enqueue(run("a", "f", at=at, priority=600000), run("b", "f", at=at))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("park", "f", entry, "a", delay=10**6, fields={"st": 1}))
    p.redis.zadd(p.key("timers"), {"a": 1})
    p.fire_timers()
    assert p.dump()["wait:f+:k"] == [("a", (at - 600000 - 1600000000000) * 4096 + 1)]


@pytest.mark.parametrize("ms", [10**13, -(10**11)])
def test_priority_of_any_size(p, ms):
    full(p)
    p.enqueue(run("a", "f", at=1763970000000, priority=ms))
    assert p.waiting("f") == ["a"]


# ---- start_by, finish_by ----

def test_deadlines_are_noted(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", start_by=5000, finish_by=90000)) == [0, ADMITTED]
    assert p.dump() == after(before, {
        **started(ends="timed\n"), "deadlines": [("s:r1", now_plus(5000)), ("f:r1", now_plus(90000))]})
    _, _, wait = p.fire_timers()
    assert 4000 < wait <= 5000


@pytest.mark.parametrize("name, mark", [("start_by", "s"), ("finish_by", "f")])
def test_deadlines_count_from_when_a_future_run_is_due(p, name, mark):
    due = p.now_ms() + 600000
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", due=due, **{name: 5000}))
    assert p.dump()["deadlines"] == [(f"{mark}:r1", due + 5000)]


def test_deadlines_leave_with_the_run(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", start_by=5000, finish_by=90000))
    finish(p)
    assert "deadlines" not in p.dump()


def pass_deadlines(p):
    for member in p.redis.zrange(p.key("deadlines"), 0, -1):
        p.redis.zadd(p.key("deadlines"), {member: 1})


LATE = {"start_by": "timeout: it had not begun in time", "finish_by": "timeout: it had not ended in time"}


def late(name, at=NOW):
    data = f'{{"function_id":"chronos-f","run_id":"r1","reason":"{LATE[name]}","event":{{}}}}'
    return {"deadlines": GONE, "history": [{"kind": "cancelled", "run": "r1", "at": at, "body": LATE[name]}],
            "events": [{"name": "inngest/function.cancelled", "data": data}]}


@pytest.mark.parametrize("name", LATE)
def test_past_a_deadline_a_waiting_run_is_cancelled(p, name):
    full(p)
    p.enqueue(run("r1", "f", **{name: 5000}))
    pass_deadlines(p)
    before = p.dump()
    assert p.fire_timers() == [1, 0, -1]
    assert p.dump() == after(before, {
        **late(name), "run:r1": {**before["run:r1"], "entry": "", "done": "1"}, "wait:f:k": GONE, "blocked:all": GONE})


@pytest.mark.parametrize("name", LATE)
def test_past_a_deadline_a_run_that_is_ready_is_cancelled(p, name):
    """Also when no worker has ever asked for the function."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.enqueue(run("r1", "f", **{name: 5000}), run("r2", "f"))
    pass_deadlines(p)
    assert p.fire_timers() == [1, 1, -1]
    state = p.dump()
    assert state["run:r1"]["done"] == "1"
    assert state["slots:all"] == {"r2"} and p.ready("f") == ["r2"]


@pytest.mark.parametrize("name, mark, code", [("start_by", None, 0), ("finish_by", "timeout: it had not ended in time", 4)])
def test_past_a_deadline_a_run_that_a_worker_holds(p, name, mark, code):
    """It has begun; one that was to have ended is to end."""
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", **{name: 5000}))
    (_, entry, *_), = p.claim("w1", 1, "f")
    pass_deadlines(p)
    assert p.fire_timers() == [1, 0, -1]
    state = p.dump()
    assert "deadlines" not in state
    assert state["run:r1"].get("cancel") == mark
    assert p.commit("w1", outcome("finish", "f", entry, "r1")) == [code]


def test_a_run_that_brings_results_along_has_begun_in_time(p):
    """Put back after a loss of Redis, or a retry: it may wait for as long as it has to."""
    p.seed({"schedulers": {"s1": "1"}, "limits": {"f": "1 all\n"}, "slots:all": {"other"}})
    p.enqueue(run("r1", "f", start_by=1, finish_by=90000, begun=1))
    assert p.redis.zrange(p.key("deadlines"), 0, -1) == ["f:r1"]
    p.redis.zadd(p.key("deadlines"), {"s:r1": 1})  # as an older scheduler left it
    p.fire_timers()
    assert p.redis.hget(p.key("run:r1"), "done") is None


def test_past_start_by_a_run_that_has_begun_goes_on(p):
    """It is parked between two of its steps."""
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", start_by=5000))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("park", "f", entry, "r1", delay=10**6, fields={"st": 1}))
    pass_deadlines(p)
    before = p.dump()
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (1, 0) and wait > 10**5
    assert p.dump() == after(before, {"deadlines": GONE})


def test_past_finish_by_a_parked_run_is_cancelled(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", finish_by=5000))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("park", "f", entry, "r1", delay=10**6, fields={"st": 1}))
    pass_deadlines(p)
    before = p.dump()
    assert p.fire_timers() == [1, 0, -1]
    assert p.dump() == after(before, {**late("finish_by"), "timers": GONE,
                                      "run:r1": {**before["run:r1"], "entry": "", "done": "1"}})


def test_a_deadline_of_a_run_that_is_gone_is_forgotten(p):
    before = p.seed({"deadlines": [("s:gone", 1), ("f:gone", 2)]})
    assert p.fire_timers() == [2, 0, -1]
    assert p.dump() == after(before, {"deadlines": GONE})


def test_no_more_deadlines_than_asked_for(p):
    p.seed({"deadlines": [(f"f:gone{n}", n + 1) for n in range(5)]})
    assert [p.fire_timers(2) for _ in range(3)] == [[2, 0, 0], [2, 0, 0], [1, 0, -1]]


# ---- listen: an event cancels it ----

def test_listeners_are_filed(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", listen=[["a/b", "data.id", "7", 60000, "e1", "async.data.id == 7"],
                                            ["a/b", "", "", 0, "e1", "x\ny"]])) == [0, ADMITTED]
    state = p.dump()
    first = state["listener:r1"].pop("c1").split("\n")
    assert first[:3] + first[4:] == ["a/b", "data.id", "7", "e1", "async.data.id == 7"]
    assert now_plus(60000) == first[3]
    assert state == after(before, {
        **started(ends="listens\n"), "listener:r1": {"c2": "a/b\n\n\n0\ne1\nx\ny"},
        "heard:a/b": {"data.id": "1", "": "1"}, "hear:a/b\ndata.id\n7": [("r1/c1", 0)], "hear:a/b\n\n": [("r1/c2", 0)]})


def test_listeners_leave_with_the_run(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", listen=[["a", "p", "7", 60000, "e1", ""], ["b", "", "", 0, "e1", ""]]))
    p.enqueue(run("r2", "f", listen=[["a", "p", "7", 0, "e2", ""]]))
    assert finish(p) == "r1"
    state = p.dump()
    assert {name: value for name, value in state.items() if name.startswith(("hear", "listener"))} == {
        "heard:a": {"p": "1"}, "hear:a\np\n7": [("r2/c1", 0)], "listener:r2": {"c1": "a\np\n7\n0\ne2\n"}}
    finish(p)
    assert not [name for name in p.dump() if name.startswith(("hear", "listener"))]


# ---- parent: who invoked it is told ----

def test_a_parent_is_told_the_output(p):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", parent=[3, "r9", "step name"]))
    assert p.dump()["run:r1"]["ends"] == "parent 3\tr9\tstep name\n"
    finish(p, extras={"output": '{"a":1}'})
    assert p.dump()["events"] == [{"name": "inngest/function.finished", "data": "{}", "to": "3\nr9\nstep name",
                                   "ok": '{"a":1}'}]


@pytest.mark.parametrize("extras, answer", [({}, {"ok": "null"}), ({"failure": '{"name":"E"}'}, {"error": '{"name":"E"}'}),
                                            ({"output": "1", "failure": "2"}, {"error": "2"})])
def test_a_parent_is_told_of_any_end(p, extras, answer):
    p.seed(SCHEDULERS)
    with_workers(p)
    p.enqueue(run("r1", "f", parent=[0, "r9", "s"]))
    finish(p, extras=extras)
    (event,) = p.dump()["events"]
    assert event == {"name": "inngest/function.finished", "data": "{}", "to": "0\nr9\ns", **answer}


def test_a_parent_is_told_that_the_run_was_cancelled(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", parent=[0, "r9", "s"]))
    assert p.call("cancel_run", "r1", 'a "reason"') == [0]
    told = p.dump()["events"][-1]
    assert json.loads(told.pop("error")) == {"name": "Cancelled", "message": 'a "reason"'}
    assert told == {"name": "inngest/function.finished", "data": "{}", "to": "0\nr9\ns"}


# ---- begun: it has results already ----

def test_a_run_with_results_keeps_them_and_is_claimed_with_them(p):
    before = p.seed({**SCHEDULERS, "steps:r1": {"one": "1"}, "ready:f": {"entries": [], "workers": {}}})
    assert p.enqueue(run("r1", "f", begun=1)) == [0, ADMITTED]
    assert p.dump() == after(before, {**started(begun="1"), "ready:f": {"entries": [("*", "r1")], "workers": {}}})
    (_, _, _, _, _, steps), = p.claim("w1", 1, "f")
    assert steps == {"one": "1"}


# ---- together ----

def test_all_that_may_go_together(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", once=[60000, "o"], rate=[5, 60000, "r"], throttle=[1, 60000, 1, "t"],
                         single=["skip", "s"], priority=5, start_by=1000, finish_by=2000, begun=1,
                         listen=[["a", "", "", 0, "e1", ""]], parent=[0, "r9", "step"])) == [0, ADMITTED]
    assert p.dump() == after(before, {
        **started(ends="single s\ntimed\nlistens\nparent 0\tr9\tstep\n", begun="1"),
        "once:f:o": "r1", "rate:f:r": [("r1", NOW)], "throttle:f:t": now_plus(60000), "single:f:s": "r1",
        "deadlines": [("f:r1", now_plus(2000))],
        "listener:r1": {"c1": "a\n\n\n0\ne1\n"}, "heard:a": {"": "1"}, "hear:a\n\n": [("r1/c1", 0)]})


@pytest.mark.parametrize("refuse", ["once", "rate", "single"])
def test_a_run_that_is_skipped_counts_for_no_rule(p, refuse):
    state = {"once": {"once:f:o": "r0"}, "rate": {"rate:f:r": [("r0", p.now_ms() + 10**6)]},
             "single": {"single:f:s": "r0", "run:r0": run_hash()}}[refuse]
    before = p.seed({**SCHEDULERS, **state})
    skipped(p.enqueue(run("r1", "f", once=[60000, "o"], rate=[1, 60000, "r"], throttle=[1, 60000, 1, "t"],
                          single=["skip", "s"], start_by=1000, listen=[["a", "", "", 0, "e1", ""]])))
    assert p.dump() == after(before, {"seq": "1"})


def test_a_fenced_scheduler_applies_no_rule(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", once=[60000, "o"], rate=[1, 60000, "r"]), scheduler="dead") == [1]
    assert p.dump() == before


def test_a_full_redis_refuses_and_keeps_the_state(p):
    p.seed(SCHEDULERS)
    p.enqueue(run("r0", "f", single=["cancel", "s"]))
    before = p.dump()
    p.redis.config_set("maxmemory", "1")
    with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
        p.enqueue(run("r1", "f", once=[60000, "o"], rate=[1, 60000, "r"], single=["cancel", "s"]))
    p.redis.config_set("maxmemory", "1gb")
    assert p.dump() == before
