"""A new version of a function brings other limits while its runs are under way: no slot may leak, nobody may be forgotten."""

import pytest

from partition import outcome, run

OLD = "1 fn/f:$\n1 old\n"


@pytest.fixture
def busy(p):
    """r1 holds the slots of the old limits, r2 waits behind the first of them, r3 of another key behind the second."""
    p.seed({"schedulers": {"s1": "1"}, "limits": {"f": OLD}})
    assert p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "f", "other")) == [0, 0, 1, 1]
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0")
    return p


def end_next(p, op="finish"):
    """Ends the run that is claimed next; its id."""
    (_, entry, run_id, _, _, _), = p.claim("w1", 1, "f")
    assert p.commit("w1", outcome(op, "f", entry, run_id, delay=10**7)) == [0]
    return run_id


def left(p):
    return sorted(name for name in p.dump() if name.startswith(("slots:", "wait:", "blocked:", "vt:", "unsettled")))


@pytest.mark.parametrize("op", ["finish", "park"])
@pytest.mark.parametrize("new", ["", "1 fn/f:$\n", "1 old\n", "1 new\n", "2 renamed:$\n1 new\n", "1 new\n1 old\n1 fn/f:$\n",
                                 "5 fn/f:$\n5 old\n"])
def test_every_slot_comes_back_and_everybody_is_served(busy, op, new):
    busy.redis.hset(busy.key("limits"), "f", new)
    assert sorted(end_next(busy, op) for _ in range(3)) == ["r1", "r2", "r3"]
    assert left(busy) == []


def test_the_limits_are_taken_away_altogether(busy):
    busy.redis.hdel(busy.key("limits"), "f")
    assert sorted(end_next(busy) for _ in range(3)) == ["r1", "r2", "r3"]
    assert left(busy) == []


def test_a_run_that_comes_meanwhile_is_served_too(busy):
    busy.redis.hset(busy.key("limits"), "f", "1 new\n")
    busy.enqueue(run("r4", "f"))
    assert sorted(end_next(busy) for _ in range(4)) == ["r1", "r2", "r3", "r4"]
    assert left(busy) == []


def test_a_parked_run_takes_the_new_limits(busy):
    assert end_next(busy, "park") == "r1"
    assert [end_next(busy) for _ in range(2)] == ["r3", "r2"]
    busy.redis.hset(busy.key("limits"), "f", "9 new\n")
    busy.redis.zadd(busy.key("timers"), {"r1": 1})
    busy.fire_timers()
    assert busy.slots("new") == {"r1"}
    assert end_next(busy) == "r1"
    assert left(busy) == []


def test_the_new_limit_holds_from_the_next_admission(busy):
    busy.redis.hset(busy.key("limits"), "f", "1 new\n")
    end_next(busy)
    assert len(busy.slots("new")) == 1
