"""Where a run is and what it waits for, as people are told."""

import pytest

from partition import outcome, run

SCHEDULERS = {"schedulers": {"s1": "1"}}


def explain(p, run_id="r1"):
    reply = p.call("explain_run", run_id)
    assert len(reply) % 2 == 0
    return dict(zip(reply[::2], reply[1::2]))


def seeded(p, template="1 all\n", group=True, **more):
    p.seed({**SCHEDULERS, "limits": {"f": template}, **more})
    if group:
        p.redis.xgroup_create(p.key("ready:f"), "workers", "0", mkstream=True)


def claim(p):
    (_, entry, *_), = p.claim("w1", 1, "f")
    return entry


def told(state, **more):
    return {"state": state, "function": "f", "key": "k", **more}


def test_a_run_that_is_not_here(p):
    assert explain(p) == {"state": "absent"}
    assert p.dump() == {}


@pytest.mark.parametrize("group", [True, False])
def test_ready(p, group):
    seeded(p, group=group)
    p.enqueue(run("r1", "f"))
    before = p.dump()
    assert explain(p) == told("ready")
    assert p.dump() == before


def test_running(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    entry = claim(p)
    assert explain(p) == told("running", worker="w1")
    p.commit("w1", outcome("next", "f", entry, "r1", fields={"try": 3}, results={"a": "1"}))
    assert explain(p) == told("running", worker="w1", attempt="3")
    p.call("cancel_run", "r1", "too slow")
    assert explain(p) == told("running", worker="w1", attempt="3", cancelling="too slow")


def test_ended(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("finish", "f", claim(p), "r1"))
    assert explain(p) == told("ended")


def test_cancelled(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.call("cancel_run", "r1", "why")
    assert explain(p)["state"] == "ended"


@pytest.mark.parametrize("template, name, reason", [
    ("1 all\n", "all", "limit all: 1 of 1"), ("3 own:$\n", "own:k", "limit own:k: 3 of 3"),
    ("1 own:$\n1 all\n", "all", "limit all: 1 of 1"), ("2 all\n", "all", "limit all: 5 of 2")])
def test_waiting_behind_a_limit(p, template, name, reason):
    holders = {f"x{n}" for n in range(int(reason.split()[-3]))}
    seeded(p, template, **{"slots:" + name: holders})
    p.enqueue(run("r1", "f"))
    assert explain(p) == told("waiting", reason=reason)


def test_waiting_for_its_turn(p):
    """There is room that has not been handed out yet."""
    seeded(p, **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f"))
    p.redis.delete(p.key("slots:all"))
    assert explain(p) == told("waiting", reason="its turn")


def test_waiting_with_an_override(p):
    seeded(p, "5 all\n", controls={"limit/all": "0"})
    p.enqueue(run("r1", "f"))
    assert explain(p) == told("waiting", reason="limit all: 0 of 0")


@pytest.mark.parametrize("mode, begun, expected", [
    ("pause", {}, "waiting"), ("drain", {}, "waiting"), ("pause", {"begun": 1}, "waiting"), ("drain", {"begun": 1}, "ready")])
def test_waiting_because_of_a_pause(p, mode, begun, expected):
    seeded(p, controls={"pause/f": mode})
    p.enqueue(run("r1", "f", **begun))
    reason = {"reason": "the function is paused or drained"} if expected == "waiting" else {}
    assert explain(p) == told(expected, **reason)


def test_a_branch_that_waits_in_a_drained_function(p):
    """It has begun with its run, so what it waits for is the limit."""
    seeded(p, controls={"pause/f": "drain"}, **{"slots:all": {"x"}, "wait:f+:k": [("r1.0", 1)],
                                               "blocked:all": [("f+:k", 0)]})
    p.seed({"run:r1.0": {"fn": "f", "key": "k", "seq": "1", "parent_run": "r1", "branch": "0"}})
    assert explain(p, "r1.0") == told("waiting", reason="limit all: 1 of 1")


def test_sleeping(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=60000))
    answer = explain(p)
    assert 50000 < int(answer.pop("due_in_ms")) <= 60000
    assert answer == told("sleeping")


def test_a_step_that_failed_and_is_tried_again(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=60000,
                           fields={"try": 2, "failing": "fetch", "failure": "no answer"}))
    answer = explain(p)
    assert 50000 < int(answer.pop("due_in_ms")) <= 60000
    assert answer == told("waiting to try again", step="fetch", error="no answer", attempt="2")
    p.redis.zadd(p.key("timers"), {"r1": 1})
    p.fire_timers()
    entry = claim(p)
    assert explain(p) == told("running", worker="w1", step="fetch", error="no answer", attempt="2")
    p.commit("w1", outcome("next", "f", entry, "r1", fields={"try": 1, "failing": "", "failure": ""}, results={"fetch": "1"}))
    assert explain(p) == told("running", worker="w1", attempt="1")


def test_overdue(p):
    seeded(p)
    p.enqueue(run("r1", "f", due=p.now_ms() + 60000))
    p.redis.zadd(p.key("timers"), {"r1": p.now_ms() - 5000})
    assert -6000 < int(explain(p)["due_in_ms"]) <= -5000


@pytest.mark.parametrize("option", [{"debounce": [60000, 0, 0, 1, "x"]}, {"batch": [9, 60000, "x"]}])
def test_collecting(p, option):
    seeded(p)
    p.enqueue(run("r1", "f", **option))
    answer = explain(p)
    assert 50000 < int(answer.pop("due_in_ms")) <= 60000
    assert answer == told("collecting")


@pytest.mark.parametrize("delay", [-1, 60000])
def test_waiting_for_an_event(p, delay):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=delay,
                           extras={"step": "got", "wait": ["a/b", "", "", 0, "e1", ""]}))
    answer = explain(p)
    assert ("due_in_ms" in answer) == (delay > 0)
    answer.pop("due_in_ms", None)
    assert answer == told("waiting for an event", step="got")


def test_waiting_for_a_function(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=-1, extras={"step": "child", "invoke": "g", "data": "{}"}))
    assert explain(p) == told("waiting for a function", step="child", reason="g")


def test_waiting_for_branches(p):
    seeded(p, "9 all\n")
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=-1, extras={"fan": [5, 2]}))
    p.commit("w1", outcome("finish", "f", claim(p), "r1.0"))
    assert explain(p) == told("waiting for branches", reason="4 of 5 are not done")
    assert explain(p, "r1.1") == told("ready")
    assert explain(p, "r1.0") == {"state": "absent"}


@pytest.mark.parametrize("key", ["", "a\nb", "%s %d", "\udcff\x00", "é ☃"])
def test_any_key(p, key):
    seeded(p, "1 own:$\n", **{"slots:own:" + key.split("\n")[0]: {"x"}})
    p.enqueue(run("r1", "f", key))
    answer = explain(p)
    assert answer["key"] == key
    assert answer["reason"] == f"limit own:{key.split(chr(10))[0]}: 1 of 1"


@pytest.mark.parametrize("hash_", [{"fn": "f"}, {"fn": "f", "entry": "no id"}, {"fn": "f", "fan_next": "1"},
                                   {"fn": "f", "key": "k", "seq": "x"}])
def test_a_hash_that_somebody_has_damaged(p, hash_):
    p.seed({"run:r1": hash_})
    assert explain(p)["function"] == "f"


def test_a_full_redis_lets_it_pass(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    p.redis.config_set("maxmemory", "1")
    assert explain(p) == told("ready")


def test_waiting_for_a_service(p):
    seeded(p)
    p.enqueue(run("r1", "f"))
    entry, since = claim(p), p.now_ms() - 5000
    p.commit("w1", outcome("park", "f", entry, "r1", delay=30000,
                           fields={"held": f"speech\n{since}\n4\nspeech: HTTP 503"}))
    found = explain(p)
    assert 5000 <= int(found.pop("waits_for_ms")) < 15000
    assert 20000 < int(found.pop("due_in_ms")) <= 30000
    assert found == told("waiting for a service", service="speech", reason="speech: HTTP 503")
    # the step has ended
    p.redis.hset(p.key("run:r1"), "held", "")
    assert explain(p)["state"] == "sleeping"
