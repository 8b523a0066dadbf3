"""What people check without mending: the audits' findings, and who stands somewhere and is not there. Nothing is changed."""

import pytest

from partition import GONE, after
from test_audit import TEMPLATE, admitted, hash_of, ready


def slots(p, name="all", most=100):
    found, cursor = [], 0
    while True:
        cursor, *runs = p.call("check_slots", name, cursor, most)
        found += runs
        if cursor == "0":
            return sorted(found)


def runs(p, *ids):
    reply = p.call("check_runs", *(ids or ("r1",)))
    return list(zip(reply[::3], reply[1::3], reply[2::3]))


def members(p, place, most=100):
    found, cursor = [], "0"
    while True:
        cursor, *ids = p.call("check_members", place, cursor, most)
        found += ids
        if cursor == "0":
            return sorted(found)


def test_where_all_is_well_nothing_is_found(p):
    before = p.seed(admitted(timers=[("limit/x", 5)]))
    assert (slots(p), runs(p), members(p, "ready:f"), members(p, "timers"), members(p, "wait:f:k")) == ([], [], [], [], [])
    assert p.dump() == before


@pytest.mark.parametrize("change", [{"run:r1": GONE}, {"run:r1": hash_of(done="1")}, {"run:r1": hash_of("")},
                                    {"run:r1": hash_of(fn="g")}, {"ready:f": GONE}])
def test_a_slot_without_a_right(p, change):
    before = p.seed(after(admitted(), change))
    assert slots(p) == ["r1"]
    assert p.dump() == before


def test_slots_are_looked_at_in_pages(p):
    before = p.seed(admitted(**{"slots:all": {f"x{n}" for n in range(300)} | {"r1"}}))
    assert slots(p, most=20) == sorted(f"x{n}" for n in range(300))
    assert p.dump() == before


def test_a_run_without_its_slots_names_each(p):
    before = p.seed(after(admitted(), {"slots:own:k": GONE, "slots:all": GONE}))
    assert sorted(runs(p)) == [("r1", "slots", "all"), ("r1", "slots", "own:k")]
    assert p.dump() == before


@pytest.mark.parametrize("where, lost", [({}, True), ({"wait:f:k": [("r1", 1)]}, False), ({"wait:f+:k": [("r1", 1)]}, False),
                                         ({"timers": [("r1", 1)]}, False)])
def test_a_run_that_is_nowhere(p, where, lost):
    before = p.seed({"limits": {"f": TEMPLATE}, "run:r1": hash_of(""), "input:r1": "{}", **where})
    assert runs(p) == ([("r1", "run", "f")] if lost else [])
    assert p.dump() == before


def test_one_that_waits_for_something_or_has_ended_is_well(p):
    p.seed({"limits": {"f": TEMPLATE}, "run:r1": hash_of("", wait="answer"), "run:r2": hash_of("", fan_next="2"),
            "run:r3": hash_of("", done="1"), "run:r4": {"fn": "f"}})
    assert runs(p, "r1", "r2", "r3", "r4", "r5") == []


def test_who_stands_somewhere_and_is_not_there(p):
    before = p.seed(admitted(**{"timers": [("x1", 1), ("r1", 2), ("limit/x", 3)], "wait:f:k": [("x2", 1), ("r1", 2)],
                                "ready:f": ready("r1", "x3", w1=["2-0"])}))
    assert (members(p, "timers"), members(p, "wait:f:k"), members(p, "ready:f", most=1)) == (["x1"], ["x2"], ["x3"])
    assert p.dump() == before
