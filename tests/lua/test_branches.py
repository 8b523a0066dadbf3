"""Branches of a run: an outcome with `fan` parks it until that many have ended, at most so many of them live at a time."""

import pytest

from partition import GONE, LAST_SERVED, NOW, after, outcome, run

APPLIED, REPEATED, STALE, CANCELLED = 0, 1, 2, 4
SCHEDULERS = {"schedulers": {"s1": "1"}}


def claimed(limits="9 all\n", **more):
    """r1 of f, held by w1 with a slot."""
    return {"limits": {"f": limits}, "slots:all": {"r1"}, "input:r1": '{"in":1}', "steps:r1": {"list": "[1,2,3]"},
            "run:r1": {"fn": "f", "key": "k", "seq": "5", "at": "777", "st": "1", "limits": limits, "entry": "1-0"},
            "ready:f": {"entries": [("1-0", "r1")], "workers": {"w1": ["1-0"]}}, **SCHEDULERS, **more}


def fan_outcome(count, width, entry="1-0", run_id="r1"):
    return outcome("park", "f", entry, run_id, delay=-1, extras={"fan": [count, width]})


def fan(p, count, width, **more):
    assert p.commit("w1", fan_outcome(count, width, **more)) == [APPLIED]


def branch_hash(n, limits="9 all\n", **more):
    return {"fn": "f", "key": "k", "seq": "5", "at": "777", "parent_run": "r1", "branch": str(n), "limits": limits,
            **{"entry": "*", **more}}


def claim(p, most=100, worker="w1"):
    """[(entry, run id)]"""
    return [(entry, run_id) for _, entry, run_id, *_ in p.claim(worker, most, "f")]


def end(p, *claims, worker="w1", code=APPLIED, **more):
    """These branches end, each with its result."""
    for entry, run_id in claims:
        results = {f"item[{run_id.split('.')[1]}]": '"done"'}
        assert p.commit(worker, outcome("finish", "f", entry, run_id, results=results, **more)) == [code]


def left(state, *parts):
    return sorted(name for name in state if name.startswith(parts))


# ---- it fans out ----

def test_so_many_as_are_wide_begin(p):
    before = p.seed(claimed())
    fan(p, 5, 2)
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "entry": "", "last": "1-0", "fan_left": "5", "fan_next": "2", "fan_total": "5"},
        "run:r1.0": branch_hash(0), "run:r1.1": branch_hash(1), "branches:r1": {"0", "1"},
        "slots:all": {"r1.0", "r1.1"}, "ready:f": {"entries": [("*", "r1.0"), ("*", "r1.1")], "workers": {"w1": []}}})


def test_a_repeated_call_begins_none(p):
    p.seed(claimed())
    fan(p, 5, 2)
    before = p.dump()
    assert p.commit("w1", fan_outcome(5, 2)) == [REPEATED]
    assert p.dump() == before


def test_a_branch_is_claimed_with_what_its_run_has(p):
    p.seed(claimed())
    fan(p, 1, 1)
    ((_, _, run_id, fields, data, steps),) = p.claim("w1", 9, "f")
    assert (run_id, fields["parent_run"], fields["branch"]) == ("r1.0", "r1", "0")
    assert (data, steps) == ('{"in":1}', {"list": "[1,2,3]"})


def test_branches_count_for_the_limits(p):
    """They wait among what has begun."""
    p.seed(claimed("2 all\n"))
    fan(p, 5, 4)
    state = p.dump()
    assert state["slots:all"] == {"r1.0", "r1.1"}
    assert state["wait:f+:k"] == [("r1.2", 5), ("r1.3", 5)]
    assert state["run:r1.2"] == {key: value for key, value in branch_hash(2).items() if key not in ("entry", "limits")}


# ---- a branch ends, the next one begins ----

def test_the_next_begins_where_one_ends(p):
    p.seed(claimed())
    fan(p, 5, 2)
    first, second = claim(p)
    before = p.dump()
    end(p, first, body="row\n")
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "fan_left": "4", "fan_next": "3"}, "run:r1.0": GONE, "run:r1.2": branch_hash(2),
        "branches:r1": {"1", "2"}, "slots:all": {"r1.1", "r1.2"},
        "steps:r1": {"list": "[1,2,3]", "item[0]": '"done"'},
        "ready:f": {"entries": [("*", "r1.1"), ("*", "r1.2")], "workers": {"w1": ["*"]}},
        "history": [{"kind": "lines", "run": "", "at": NOW, "body": "row\n"}]})


def test_after_the_last_one_the_run_goes_on(p):
    p.seed(claimed())
    fan(p, 3, 2)
    for _ in range(2):
        end(p, claim(p, 1)[0])
    (last,) = claim(p)
    before = p.dump()
    end(p, last)
    hash_after = {name: value for name, value in before["run:r1"].items() if not name.startswith("fan_")}
    assert p.dump() == after(before, {
        "run:r1": {**hash_after, "entry": "*"}, "run:r1.2": GONE, "branches:r1": GONE, "slots:all": {"r1"},
        "steps:r1": {"list": "[1,2,3]", **{f"item[{n}]": '"done"' for n in range(3)}},
        "ready:f": {"entries": [("*", "r1")], "workers": {"w1": []}}})
    ((_, _, run_id, _, _, steps),) = p.claim("w1", 9, "f")
    assert run_id == "r1" and len(steps) == 4


@pytest.mark.parametrize("count, width", [(1, 1), (1, 9), (7, 1), (7, 3), (7, 7), (100, 10)])
def test_never_more_at_a_time_and_each_once(p, count, width):
    p.seed(claimed("1000 all\n"))
    fan(p, count, width)
    seen = []
    while True:
        claims = claim(p, 3)
        if claims[0][1] == "r1":
            break
        assert len(p.ready("f")) == len(p.dump()["branches:r1"]) <= width
        seen += [int(run_id.split(".")[1]) for _, run_id in claims]
        end(p, *claims)
    assert seen == list(range(count))
    assert left(p.dump(), "branches", "run:r1.", "wait", "blocked") == []


def test_all_end_in_one_call(p):
    p.seed(claimed())
    fan(p, 3, 3)
    claims = claim(p)
    assert p.commit("w1", *[outcome("finish", "f", entry, r, results={"item" + r: "1"}) for entry, r in claims]) == [0, 0, 0]
    assert p.ready("f") == ["r1"]


def test_a_repeated_end_counts_once(p):
    """The hash is gone, so that it is stale: either way the worker lets go."""
    p.seed(claimed())
    fan(p, 3, 1)
    (first,) = claim(p)
    end(p, first)
    before = p.dump()
    end(p, first, code=STALE)
    assert p.dump() == before


def test_the_same_end_twice_in_one_call_counts_once(p):
    p.seed(claimed())
    fan(p, 3, 1)
    ((entry, run_id),) = claim(p)
    ends = [outcome("finish", "f", entry, run_id, results={"item": "1"})] * 2
    assert p.commit("w1", *ends) == [APPLIED, STALE]
    assert p.dump()["run:r1"]["fan_left"] == "2"


def test_an_item_that_failed_stores_its_error(p):
    p.seed(claimed())
    fan(p, 2, 2)
    (entry, run_id), second = claim(p)
    p.commit("w1", outcome("finish", "f", entry, run_id, results={"error:item[0]": '{"name":"E"}', "used:item[0]": "{}"}))
    end(p, second)
    assert p.dump()["steps:r1"] == {"list": "[1,2,3]", "error:item[0]": '{"name":"E"}', "used:item[0]": "{}",
                                    "item[1]": '"done"'}
    assert p.ready("f") == ["r1"]


def test_it_may_fan_out_again(p):
    p.seed(claimed())
    for _ in range(3):
        ((entry, run_id),) = claim(p) or [("1-0", "r1")]
        assert run_id == "r1"
        fan(p, 2, 2, entry=entry)
        end(p, *claim(p))
    assert p.ready("f") == ["r1"]


@pytest.mark.parametrize("count, width, began", [(0, 3, []), (0, 0, []), (2, 0, ["r1.0"])])
def test_nothing_to_do_or_no_width_does_not_keep_it_waiting_for_ever(p, count, width, began):
    p.seed(claimed())
    fan(p, count, width)
    assert p.ready("f") == (began or ["r1"])
    if not began:
        assert left(p.dump(), "branches") == [] and "fan_left" not in p.dump()["run:r1"]


# ---- a branch is tried again, returned, or loses its worker ----

def test_a_branch_is_tried_again(p):
    p.seed(claimed("1 all\n"))
    fan(p, 2, 2)
    ((entry, run_id),) = claim(p)
    assert p.commit("w1", outcome("park", "f", entry, run_id, delay=10**6, fields={"try": 2, "fails": 1})) == [APPLIED]
    state = p.dump()
    assert state["run:r1.0"]["try"] == "2" and [member for member, _ in state["timers"]] == ["r1.0"]
    assert state["slots:all"] == {"r1.1"}
    p.redis.zadd(p.key("timers"), {"r1.0": 1})
    assert p.fire_timers() == [1, 0, -1]
    assert p.dump()["wait:f+:k"] == [("r1.0", 5)]
    end(p, *claim(p))
    end(p, *claim(p))
    assert p.ready("f") == ["r1"]


def test_a_branch_goes_back(p):
    p.seed(claimed())
    fan(p, 1, 1)
    ((entry, run_id),) = claim(p)
    before = p.dump()
    assert p.commit("w1", outcome("return", "f", entry, run_id)) == [APPLIED]
    assert p.dump() == after(before, {"run:r1.0": branch_hash(0, last="*"),
                                      "ready:f": {"entries": [("*", "r1.0")], "workers": {"w1": []}}})


def test_a_branch_whose_worker_died_is_handed_on(p):
    p.seed(claimed())
    fan(p, 2, 2)
    (first, second) = claim(p)
    before = p.dump()
    assert p.reap_worker("f", "w1") == [2, 0]
    assert p.dump() == after(before, {
        "run:r1.0": branch_hash(0, deaths="1"), "run:r1.1": branch_hash(1, deaths="1"),
        "ready:f": {"entries": [("*", "r1.0"), ("*", "r1.1")], "workers": {}},
        "history": [{"kind": "lost", "run": r, "at": NOW, "body": "w1"} for r in ("r1.0", "r1.1")]})
    end(p, first, code=STALE)
    end(p, *claim(p, worker="w2"), worker="w2")
    assert p.ready("f") == ["r1"]


def test_a_drained_function_lets_branches_end(p):
    """What has begun goes on, also an item that is tried again."""
    p.seed(claimed())
    fan(p, 3, 1)
    ((entry, run_id),) = claim(p)
    p.commit("w1", outcome("park", "f", entry, run_id, delay=10**6))
    p.call("set_pause", "f", "drain", 100)
    p.redis.zadd(p.key("timers"), {"r1.0": 1})
    assert p.fire_timers() == [1, 1, -1]
    for _ in range(3):
        end(p, *claim(p))
    assert p.ready("f") == ["r1"]


# ---- the run is cancelled ----

def test_a_cancel_ends_branches_wherever_they_are(p):
    """r1.0 is held, r1.1 sleeps, r1.2 is ready, r1.3 waits, r1.4 has not begun."""
    p.seed(claimed("3 all\n"))
    fan(p, 5, 4)
    (held, asleep) = claim(p, 2)
    p.call("set_override", "all", 2)
    p.commit("w1", outcome("park", "f", asleep[0], "r1.1", delay=10**6))
    state = p.dump()
    assert left(state, "run:r1.") == ["run:r1.0", "run:r1.1", "run:r1.2", "run:r1.3"]
    assert [r for r, _ in state["timers"]] == ["r1.1"] and p.ready("f") == ["r1.0", "r1.2"]
    assert state["wait:f+:k"] == [("r1.3", 5)]
    assert p.call("cancel_run", "r1", "why") == [0]
    state = p.dump()
    assert state["run:r1"]["done"] == "1" and not left({name: 1 for name in state["run:r1"]}, "fan")
    assert left(state, "run:r1.", "branches", "timers", "wait", "blocked") == ["run:r1.0"]
    assert state["run:r1.0"]["cancel"] == "why" and state["slots:all"] == {"r1.0"}
    assert [(h["kind"], h["run"], h["body"]) for h in state["history"]] == [("cancelled", "r1", "why")]
    assert len(state["events"]) == 1
    before = p.dump()
    end(p, held, code=CANCELLED)
    assert p.dump() == after(before, {"run:r1.0": GONE, "slots:all": GONE, "ready:f": {"entries": [], "workers": {"w1": []}}})


def test_a_cancelled_branch_of_a_dead_worker_ends_when_it_is_reaped(p):
    p.seed(claimed())
    fan(p, 3, 2)
    claim(p, 1)
    assert p.call("cancel_run", "r1", "why") == [0]
    for name in ("run:r1", "input:r1", "steps:r1"):
        p.redis.delete(p.key(name))
    assert p.reap_worker("f", "w1") == [0, 0]
    assert left(p.dump(), "run:", "slots:", "branches", "steps", "input") == []


def test_after_the_cancel_nothing_begins(p):
    p.seed(claimed())
    fan(p, 9, 2)
    claims = claim(p)
    p.call("cancel_run", "r1", "why")
    for held in claims:
        end(p, held, code=CANCELLED)
    assert p.ready("f") == [] and left(p.dump(), "run:") == ["run:r1"]


# ---- others ----

def test_who_waits_longer_goes_before_the_next_branch(p):
    """The place that a branch leaves belongs to whoever stands first behind the limit, not to the run that it is of."""
    p.seed(claimed("1 all\n"))
    p.enqueue(run("other", "f", "other"))
    fan(p, 20, 1)
    served = []
    for _ in range(4):
        ((entry, run_id),) = claim(p)
        served.append(run_id)
        p.commit("w1", outcome("finish", "f", entry, run_id))
    assert "other" in served[:2], served


def test_who_waits_longer_goes_before_the_run_that_its_last_branch_lets_go_on(p):
    p.seed(claimed("1 all\n", **{
        "run:r1": {"fn": "f", "key": "k", "seq": "5", "entry": "", "fan_left": "1", "fan_next": "1", "fan_total": "1"},
        "run:r1.0": branch_hash(0, "1 all\n", entry="1-0"), "branches:r1": {"0"}, "slots:all": {"r1.0"},
        "ready:f": {"entries": [("1-0", "r1.0")], "workers": {"w1": ["1-0"]}},
        "run:other": {"fn": "f", "key": "other"}, "wait:f:other": [("other", 9)], "blocked:all": [("f:other", 3)],
        "vt:all": [(LAST_SERVED, 3), ("k", 4)]}))
    end(p, ("1-0", "r1.0"))
    assert p.ready("f") == ["other"]
    state = p.dump()
    assert state["wait:f+:k"] == [("r1", 5)] and state["blocked:all"] == [("f+:k", 4)]


def test_a_fan_and_another_owner_take_turns(p):
    p.seed(claimed("1 all\n"))
    fan(p, 30, 1)
    p.enqueue(*[run(f"other.{n}", "f", "other") for n in range(30)])
    served = []
    for _ in range(30):
        ((entry, run_id),) = claim(p)
        served.append(run_id.split(".")[0])
        p.commit("w1", outcome("finish", "f", entry, run_id))
    assert 14 <= served.count("other") <= 16, served


def test_a_full_redis_lets_all_of_it_pass(p):
    p.seed(claimed())
    p.redis.config_set("maxmemory", "1")
    fan(p, 3, 2)
    for _ in range(3):
        end(p, claim(p, 1)[0])
    assert p.ready("f") == ["r1"]
