"""What the audits find, mend and count; and that they find nothing where nothing is wrong."""

import pytest

from partition import GONE, NEWCOMER, after, outcome, run

SCHEDULERS = {"schedulers": {"s1": "1"}}
TEMPLATE = "2 own:$\n2 all\n"


def audit_slots(p, name="all", cursor=0, most=100):
    """[runs that held a slot wrongly]"""
    found = []
    while True:
        cursor, *runs = p.call("audit_slots", name, cursor, most)
        found += runs
        if cursor == "0":
            return sorted(found)


def audit_runs(p, *ids):
    """[(run, what was wrong)]"""
    reply = p.call("audit_run", *(ids or ("r1",)))
    return list(zip(reply[::2], reply[1::2]))


def hash_of(entry="1-0", **more):
    return {"fn": "f", "key": "k", "seq": "1", "at": "1", "limits": TEMPLATE, "entry": entry, **more}


def ready(*ids, **workers):
    return {"entries": [(f"{n}-0", r) for n, r in enumerate(ids, 1)], "workers": workers}


def admitted(**more):
    """r1 is ready and holds its slots."""
    return {"limits": {"f": TEMPLATE}, "run:r1": hash_of(), "input:r1": "{}", "slots:own:k": {"r1"}, "slots:all": {"r1"},
            "ready:f": ready("r1"), **more}


# ---- audit_slots: does everybody who holds a slot have a right to it? ----

def test_who_is_ready_or_held_has_a_right(p):
    before = p.seed(admitted(**{"ready:f": ready("r1", "r2", w1=["2-0"]), "run:r2": hash_of("2-0"),
                                "slots:own:k": {"r1", "r2"}, "slots:all": {"r1", "r2"}}))
    assert audit_slots(p) == [] and audit_slots(p, "own:k") == []
    assert p.dump() == before


@pytest.mark.parametrize("change", [
    {"run:r1": GONE}, {"run:r1": hash_of(done="1")}, {"run:r1": hash_of("")}, {"run:r1": hash_of("7-7")},
    {"run:r1": {"fn": "f", "key": "k"}}, {"run:r1": hash_of("2-0"), "ready:f": ready("x", "r2")},
    {"ready:f": GONE}, {"run:r1": hash_of(fn="g")}, {"run:r1": hash_of("no id of an entry")}])
def test_who_is_not_has_none(p, change):
    """Deleted, ended, parked or waiting, no entry, another's entry, no stream, another function, damaged."""
    before = p.seed(after(admitted(), change))
    assert audit_slots(p) == ["r1"]
    assert p.dump() == after(before, {"slots:all": GONE, "unsettled": {"all"}, "repairs": {"slot": "1"}})
    assert audit_slots(p) == []
    assert audit_slots(p, "own:k") == ["r1"]
    assert p.dump()["repairs"] == {"slot": "2"}


@pytest.mark.parametrize("template, right", [("2 own:$\n", False), ("2 all\n", True), (TEMPLATE, True), ("", False)])
def test_the_template_that_it_was_admitted_by_decides(p, template, right):
    p.seed(admitted(**{"run:r1": hash_of(limits=template), "limits": {"f": "1 other\n"}}))
    assert audit_slots(p) == ([] if right else ["r1"])


def test_a_slot_of_another_key_is_none(p):
    p.seed(admitted(**{"slots:own:other": {"r1"}}))
    assert audit_slots(p, "own:other") == ["r1"]
    assert audit_slots(p, "own:k") == []


def test_who_waits_gets_the_room(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"leaked"}})
    assert p.enqueue(run("r1", "f")) == [0, 1]
    assert audit_slots(p) == ["leaked"]
    assert p.fire_timers() == [0, 1, -1]
    assert p.ready("f") == ["r1"]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_many_holders_in_pages(p, most):
    ids = [f"a-run-with-a-long-enough-name-{n}" for n in range(600)]
    p.seed({"slots:all": set(ids), "limits": {"f": "900 all\n"},
            **{"run:" + r: hash_of(f"{n}-0", limits="900 all\n") for n, r in enumerate(ids, 1) if n % 3},
            "ready:f": ready(*ids)})
    assert audit_slots(p, most=most) == sorted(r for n, r in enumerate(ids, 1) if n % 3 == 0)
    assert p.dump()["repairs"] == {"slot": "200"}
    assert audit_slots(p, most=most) == []


def test_nobody_holds_anything(p):
    assert audit_slots(p) == []
    assert p.dump() == {}


# ---- audit_run: is it somewhere, and does it hold its slots? ----

HEALTHY = {
    "gone": {"run:r1": GONE}, "ended": {"run:r1": hash_of("", done="1")},
    "ready": {"run:r1": hash_of(), "ready:f": ready("r1"), "slots:own:k": {"r1"}, "slots:all": {"r1"}},
    "held": {"run:r1": hash_of(), "ready:f": ready("r1", w1=["1-0"]), "slots:own:k": {"r1"}, "slots:all": {"r1"}},
    "ready without limits": {"run:r1": {"fn": "f", "key": "k", "seq": "1", "entry": "1-0"}, "ready:f": ready("r1")},
    "waiting": {"run:r1": {"fn": "f", "key": "k", "seq": "1"}, "wait:f:k": [("r1", 1)], "blocked:all": [("f:k", 0)]},
    "waiting again": {"run:r1": hash_of("", st="1"), "wait:f+:k": [("r1", 1)], "blocked:all": [("f+:k", 0)]},
    "parked": {"run:r1": hash_of(""), "timers": [("r1", 5)]},
    "for an event": {"run:r1": hash_of("", wait="s"), "listener:r1": {"w": "a\n\n\n0\ne\n"}},
    "for a function": {"run:r1": hash_of("", wait="s", invoke="g")},
    "for branches": {"run:r1": hash_of("", fan_left="1", fan_next="1", fan_total="1"), "branches:r1": {"0"}},
    "to be cancelled": {"run:r1": hash_of(cancel="why"), "ready:f": ready("r1", w1=["1-0"]), "slots:own:k": {"r1"},
                        "slots:all": {"r1"}},
}


@pytest.mark.parametrize("state", HEALTHY)
def test_nothing_is_wrong(p, state):
    before = p.seed(after({"limits": {"f": TEMPLATE}}, HEALTHY[state]) if HEALTHY[state] != {"run:r1": GONE}
                    else {"limits": {"f": TEMPLATE}})
    assert audit_runs(p) == []
    assert p.dump() == before


@pytest.mark.parametrize("entry", [None, "", "7-7", "2-0", "no id of an entry"])
def test_a_run_that_is_nowhere_waits_for_admission_again(p, entry):
    """Its entry is gone, another's, or not one at all."""
    lost = {name: value for name, value in hash_of(entry).items() if value is not None}
    before = p.seed({"limits": {"f": TEMPLATE}, "run:r1": lost, "ready:f": ready("x", "y")})
    assert audit_runs(p) == [("r1", "run")]
    assert p.dump() == after(before, {
        "run:r1": hash_of("*"), "slots:own:k": {"r1"}, "slots:all": {"r1"}, "repairs": {"run": "1"},
        "ready:f": {"entries": [("1-0", "x"), ("2-0", "y"), ("*", "r1")], "workers": {}}})
    assert audit_runs(p) == []


def test_a_run_that_is_nowhere_without_a_stream(p):
    p.seed({"limits": {"f": TEMPLATE}, "run:r1": hash_of()})
    assert audit_runs(p) == [("r1", "run")]
    assert p.ready("f") == ["r1"]


@pytest.mark.parametrize("begun, queue", [({}, "f:k"), ({"st": "1"}, "f+:k"), ({"begun": "1"}, "f+:k"),
                                          ({"parent_run": "p"}, "f+:k")])
def test_it_waits_where_it_belongs_when_the_limit_is_full(p, begun, queue):
    before = p.seed({"limits": {"f": "1 all\n"}, "slots:all": {"x"}, "run:r1": hash_of("", **begun)})
    assert audit_runs(p) == [("r1", "run")]
    assert p.dump() == after(before, {"wait:" + queue: [("r1", 1)], "blocked:all": [(queue, NEWCOMER)],
                                      "repairs": {"run": "1"}})
    assert audit_runs(p) == []


@pytest.mark.parametrize("missing", [["own:k"], ["all"], ["own:k", "all"]])
def test_missing_slots_are_taken(p, missing):
    before = p.seed(admitted())
    for name in missing:
        p.redis.delete(p.key("slots:" + name))
    assert audit_runs(p) == [("r1", "slots")]
    assert p.dump() == after(before, {"repairs": {"slots": "1"}, "unsettled": {"own:k", "all"}})
    assert audit_runs(p) == []


def test_slots_are_taken_even_beyond_the_limit(p):
    """It runs in fact: what counts is that no more are let go."""
    p.seed(admitted(**{"slots:all": {"x", "y"}}))
    assert audit_runs(p) == [("r1", "slots")]
    assert p.slots("all") == {"x", "y", "r1"}


def test_several_runs_in_a_call_keep_the_limits(p):
    """r1 is nowhere, r2 has lost its slot, r3 is nowhere: with r2's slot there is room for one of the others."""
    p.seed({"limits": {"f": "2 all\n"}, "run:r1": hash_of("", limits="2 all\n"), "run:r3": hash_of("", limits="2 all\n"),
            "run:r2": hash_of("1-0", limits="2 all\n"), "ready:f": ready("r2")})
    assert audit_runs(p, "r1", "r2", "r3") == [("r1", "run"), ("r2", "slots"), ("r3", "run")]
    assert p.slots("all") == {"r1", "r2"} and p.waiting("f") == ["r3"]
    assert p.dump()["repairs"] == {"run": "2", "slots": "1"}


def test_a_run_whose_function_has_lost_its_limits_is_healthy(p):
    """It was parked meanwhile, and is admitted by the new ones, none."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(run("r1", "f"))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("park", "f", entry, "r1", delay=10**6))
    p.call("install_limits", "f", "")
    p.redis.zadd(p.key("timers"), {"r1": 1})
    assert p.fire_timers() == [1, 1, -1]
    assert audit_runs(p) == []
    assert "slots:all" not in p.dump()


@pytest.mark.parametrize("damage", [{"fn": "f"}, {"fn": "f", "key": "k"}, {"key": "k", "seq": "1"}, {"deaths": "3"}])
def test_a_hash_of_which_too_little_is_left_is_left_alone(p, damage):
    before = p.seed({"run:r1": damage})
    assert audit_runs(p) == []
    assert p.dump() == before


def test_no_runs(p):
    assert p.call("audit_run") == []
    assert p.dump() == {}


# ---- while everything works ----

def test_nothing_is_found_on_the_whole_way_of_a_run(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, "ready:f": {"entries": [], "workers": {}}})

    def healthy(*ids):
        return audit_runs(p, *(ids or ("r1", "r2", "r3"))) == [] and audit_slots(p) == [] == audit_slots(p, "own:k")

    p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "f", due=p.now_ms() + 10**6))
    assert healthy()
    (_, entry, *_), = p.claim("w1", 1, "f")
    assert healthy()
    p.commit("w1", outcome("park", "f", entry, "r1", delay=-1, fields={"st": 1}, extras={"fan": [3, 2]}))
    assert healthy("r1", "r1.0", "r1.1", "r1.2", "r2", "r3")
    p.call("set_pause", "f", "pause", 100)
    assert healthy("r1", "r1.0", "r1.1", "r1.2", "r2", "r3")
    p.call("set_pause", "f", "run", 100)
    p.fire_timers()
    assert healthy("r1", "r1.0", "r1.1", "r1.2", "r2", "r3")
    p.call("cancel_run", "r1", "why")
    assert healthy("r1", "r1.0", "r1.1", "r1.2", "r2", "r3")
    assert "repairs" not in p.dump()


# ---- Redis is full ----

def test_a_full_redis_lets_both_pass(p):
    p.seed(admitted(**{"slots:all": {"leaked"}, "run:r2": hash_of("")}))
    p.redis.config_set("maxmemory", "1")
    assert audit_slots(p) == ["leaked"]
    assert audit_runs(p, "r1", "r2") == [("r1", "slots"), ("r2", "run")]
