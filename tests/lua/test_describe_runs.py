"""Where many runs are, as lists show it."""

import pytest

from partition import outcome, run

SCHEDULERS = {"schedulers": {"s1": "1"}}
NAMES = ("state", "fn", "owner", "at", "due", "st", "try", "deaths", "failing", "failure", "cancel", "entry")


def describe(p, *ids):
    return [dict(zip(NAMES, reply)) for reply in p.call("describe_runs", *ids)]


def state(p, run_id="r1"):
    return describe(p, run_id)[0].get("state")


@pytest.fixture
def seeded(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0", mkstream=True)
    return p


def claim(p):
    (_, entry, *_), = p.claim("w1", 1, "f")
    return entry


def test_several_in_their_order(seeded):
    seeded.enqueue(run("r1", "f", "a\nb"), run("r2", "f"))
    before = seeded.dump()
    first, gone, second = describe(seeded, "r1", "nobody", "r2")
    assert (first["state"], first["fn"], first["owner"]) == ("admitted", "f", "a") and gone == {}
    assert second["state"] == "waiting" and second["entry"] == ""
    assert seeded.dump() == before


def test_nobody(p):
    assert describe(p) == [] and describe(p, "r1") == [{}]


def test_each_place(seeded):
    p = seeded
    p.enqueue(run("r1", "f"))
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=60000))
    assert state(p) == "sleeping" and int(describe(p, "r1")[0]["due"]) > p.now_ms() + 50000
    p.redis.zadd(p.key("timers"), {"r1": 1})
    p.fire_timers()
    p.commit("w1", outcome("park", "f", claim(p), "r1", delay=60000, fields={"try": 2, "failing": "a", "failure": "why"}))
    told, = describe(p, "r1")
    assert (told["state"], told["try"], told["failing"], told["failure"]) == ("retrying", "2", "a", "why")


@pytest.mark.parametrize("more, expected", [
    ({"extras": {"step": "got", "wait": ["a/b", "", "", 0, "e1", ""]}}, "waiting_for_event"),
    ({"extras": {"step": "child", "invoke": "g", "data": "{}"}}, "waiting_for_function"),
    ({"extras": {"fan": [5, 2]}}, "waiting_for_branches")])
def test_what_it_waits_for(seeded, more, expected):
    seeded.enqueue(run("r1", "f"))
    seeded.commit("w1", outcome("park", "f", claim(seeded), "r1", delay=-1, **more))
    assert state(seeded) == expected


def test_collecting_and_ended(seeded):
    seeded.enqueue(run("r1", "f", batch=[9, 60000, "x"]), run("r2", "f"))
    assert state(seeded) == "collecting"
    seeded.commit("w1", outcome("finish", "f", claim(seeded), "r2"))
    assert state(seeded, "r2") == "ended"


def test_being_cancelled(seeded):
    seeded.enqueue(run("r1", "f"))
    claim(seeded)
    seeded.call("cancel_run", "r1", "too slow")
    told, = describe(seeded, "r1")
    assert (told["state"], told["cancel"]) == ("admitted", "too slow")


def test_a_hash_that_somebody_has_damaged(p):
    p.seed({"run:r1": {"fn": "f"}})
    assert describe(p, "r1")[0]["state"] == "waiting"
