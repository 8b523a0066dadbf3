import pytest
import redis

from partition import BEHIND, GONE, LAST_SERVED, NEWCOMER, after


def parked(*ids, fn="f", key="k", due=1, **more):
    """Runs whose timers were due long ago."""
    return {"timers": [(r, due + n) for n, r in enumerate(ids)],
            **{f"run:{r}": {"fn": fn, "key": key, "seq": str(n + 1)} for n, r in enumerate(ids)}, **more}


def entries(*runs):
    return {"entries": [("*", r) for r in runs]}


def admitted(before, *runs):
    """Their hashes, which remember by which limits they were admitted and where they are."""
    limits = before.get("limits", {}).get("f", "")
    return {f"run:{r}": {**before[f"run:{r}"], "entry": "*", "limits": limits} for r in runs}


def test_nothing_to_do(p):
    assert p.fire_timers() == [0, 0, -1]
    assert p.dump() == {}


def test_a_due_run_is_admitted(p):
    before = p.seed(parked("r1", limits={"f": "1 own:$\n2 all\n"}))
    assert p.fire_timers() == [1, 1, -1]
    assert p.dump() == after(before, {"timers": GONE, "slots:own:k": {"r1"}, "slots:all": {"r1"},
                                      "ready:f": entries("r1"), **admitted(before, "r1")})


def test_a_due_run_waits_when_the_limit_is_full(p):
    before = p.seed(parked("r1", limits={"f": "1 all\n"}, **{"slots:all": {"x"}}))
    assert p.fire_timers() == [1, 0, -1]
    assert p.dump() == after(before, {"timers": GONE, "wait:f:k": [("r1", 1)], "blocked:all": [("f:k", NEWCOMER)]})


def test_a_retry_goes_ahead_of_what_came_later(p):
    before = p.seed(parked("r1", limits={"f": "1 all\n"}, **{
        "slots:all": {"x"}, "wait:f:k": [("r5", 5)], "blocked:all": [("f:k", 3)]}))
    p.fire_timers()
    assert p.dump() == after(before, {"timers": GONE, "wait:f:k": [("r1", 1), ("r5", 5)]})


def test_a_repeated_call_finds_nothing(p):
    p.seed(parked("r1"))
    p.fire_timers()
    before = p.dump()
    assert p.fire_timers() == [0, 0, -1]
    assert p.dump() == before


def test_what_is_not_due_stays_and_the_wait_is_told(p):
    before = p.seed(parked("r1", due=p.now_ms() + 60000))
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (0, 0)
    assert 59000 < wait <= 60000
    assert p.dump() == before


def test_a_timer_that_is_due_now_fires_now(p):
    p.seed(parked("r1", due=p.now_ms()))
    assert p.fire_timers() == [1, 1, -1]


def test_no_more_than_asked_for_and_earliest_first(p):
    p.seed(parked("c", "a", "b"))
    assert p.fire_timers(2) == [2, 2, 0]
    assert p.ready("f") == ["c", "a"]
    assert p.fire_timers(2) == [1, 1, -1]
    assert p.ready("f") == ["c", "a", "b"]


def test_due_runs_share_the_room(p):
    before = p.seed(parked("r1", "r2", "r3", limits={"f": "2 all\n"}))
    assert p.fire_timers() == [3, 2, -1]
    assert p.dump() == after(before, {"timers": GONE, "slots:all": {"r1", "r2"}, "ready:f": entries("r1", "r2"),
                                      "wait:f:k": [("r3", 3)], "blocked:all": [("f:k", NEWCOMER)],
                                      **admitted(before, "r1", "r2")})


@pytest.mark.parametrize("run", [GONE, {"fn": "f", "key": "k", "seq": "1", "done": "1"}])
def test_a_timer_without_a_live_run_is_forgotten(p, run):
    before = p.seed(after(parked("r1"), {"run:r1": run}))
    assert p.fire_timers() == [1, 0, -1]
    assert p.dump() == after(before, {"timers": GONE})


def test_unsettled_limits_are_settled(p):
    before = p.seed({"limits": {"f": "2 all\n"}, "unsettled": {"all"}, "wait:f:a": [("a1", 1)],
                     "wait:f:b": [("b1", 2), ("b2", 3)], "blocked:all": [("f:a", 8), ("f:b", 7)],
                     "run:a1": {"fn": "f", "key": "a"}, "run:b1": {"fn": "f", "key": "b"}})
    assert p.fire_timers() == [0, 2, -1]
    assert p.dump() == after(before, {
        "unsettled": GONE, "slots:all": {"a1", "b1"}, "ready:f": entries("b1", "a1"), "wait:f:a": GONE,
        "wait:f:b": [("b2", 3)], "blocked:all": [("f:b", 8 + BEHIND)], "vt:all": [(LAST_SERVED, 8), ("b", 8), ("a", 9)],
        **admitted(before, "a1", "b1")})


def test_an_unsettled_limit_that_is_full_is_settled_by_itself(p):
    before = p.seed({"limits": {"f": "1 all\n"}, "unsettled": {"all", "nobody"}, "slots:all": {"x"},
                     "wait:f:a": [("a", 1)], "blocked:all": [("f:a", 8)]})
    assert p.fire_timers() == [0, 0, -1]
    assert p.dump() == after(before, {"unsettled": GONE})


def test_many_unsettled_limits_take_several_calls(p):
    names = [f"l{n}" for n in range(40)]
    p.seed({"limits": {f"f{n}": f"1 l{n}\n" for n in range(40)}, "unsettled": set(names),
            **{f"wait:f{n}:k": [(f"r{n}", 1)] for n in range(40)},
            **{f"blocked:l{n}": [(f"f{n}:k", 1)] for n in range(40)}})
    assert [p.fire_timers()[1:3] for _ in range(4)] == [[16, 0], [16, 0], [8, -1], [0, -1]]
    state = p.dump()
    assert not [name for name in state if name.startswith(("wait:", "blocked:", "vt:", "unsettled"))]


def test_the_budget_of_one_call_is_bounded(p):
    p.seed({"limits": {"f": "900 all\n"}, "unsettled": {"all"}, "wait:f:k": [(f"r{n}", n) for n in range(500)],
            "blocked:all": [("f:k", 0)]})
    assert [p.fire_timers() for _ in range(4)] == [[0, 200, 0], [0, 200, 0], [0, 100, -1], [0, 0, -1]]
    assert p.ready("f") == [f"r{n}" for n in range(500)]


def test_runs_of_a_function_without_limits_are_admitted(p):
    before = p.seed(parked("r1", "r2"))
    assert p.fire_timers() == [2, 2, -1]
    assert p.dump() == after(before, {"timers": GONE, "ready:f": entries("r1", "r2"), **admitted(before, "r1", "r2")})


def test_a_full_redis_lets_it_pass(p):
    p.seed(parked("r1", limits={"f": "1 all\n"}))
    p.redis.config_set("maxmemory", "1")
    assert p.fire_timers() == [1, 1, -1]


def test_a_poisoned_run_does_not_hold_the_others_back(p):
    """An error cannot be rolled back, but its timer is gone and the next call goes on."""
    p.seed(after(parked("r1", "r2"), {"run:r1": "text"}))
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.fire_timers()
    assert p.fire_timers() == [1, 1, -1]
    assert p.ready("f") == ["r2"]
