"""What operators set: functions paused or drained, other maxima, weights."""

import pytest

from partition import NEWCOMER, after, outcome, run
from shop import Shop

ADMITTED, WAITS = 0, 1
SCHEDULERS = {"schedulers": {"s1": "1"}}
ALL = {"limits": {"f": "9 all\n", "g": "9 all\n"}}


def pause(p, mode="pause", most=100, fn="f", after=""):
    return p.call("set_pause", fn, mode, most, after)


def workers(p, *functions):
    for fn in functions or ("f",):
        p.redis.xgroup_create(p.key("ready:" + fn), "workers", "0", mkstream=True)


def claim(p, most=100, fn="f", worker="w1"):
    """[(entry, run id)]"""
    return [(entry, run_id) for _, entry, run_id, *_ in p.claim(worker, most, fn)]


def commit(p, op, entry, run_id, fn="f", worker="w1", **more):
    assert p.commit(worker, outcome(op, fn, entry, run_id, **more)) == [0]


def make_due(p, *ids):
    p.redis.zadd(p.key("timers"), {r: n + 1 for n, r in enumerate(ids)})


def waiting(state):
    return {name: value for name, value in state.items() if name.startswith(("wait:", "blocked:", "vt:"))}


# ---- pause: nothing of it is admitted ----

@pytest.mark.parametrize("mode", ["pause", "drain"])
def test_a_function_without_work(p, mode):
    assert pause(p, mode) == [""]
    before = p.dump()
    assert before["controls"] == {"pause/f": mode}
    assert pause(p, mode) == [""]
    assert p.dump() == before
    p.fire_timers()
    assert p.dump() == {"controls": {"pause/f": mode}}
    assert pause(p, "run") == [""]
    p.fire_timers()
    assert p.dump() == {}


@pytest.mark.parametrize("mode", ["pause", "drain"])
def test_new_runs_wait_and_hold_nothing(p, mode):
    before = p.seed({**SCHEDULERS, **ALL, "controls": {"pause/f": mode}})
    assert p.enqueue(run("r1", "f"), run("r2", "g")) == [0, WAITS, ADMITTED]
    assert p.dump() == after(before, {
        "seq": "2", "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1000"}, "input:r1": "{}", "input:r2": "{}",
        "run:r2": {"fn": "g", "key": "k", "seq": "2", "at": "1000", "limits": "9 all\n", "entry": "*"},
        "slots:all": {"r2"}, "ready:g": {"entries": [("*", "r2")]},
        "wait:f:k": [("r1", 1)], "blocked:paused/f": [("f:k", 0)]})


@pytest.mark.parametrize("group", [True, False])
def test_what_no_worker_has_taken_goes_back_to_waiting(p, group):
    """Also when no worker has ever asked for it: the first one that does must find nothing."""
    p.seed({**SCHEDULERS, **ALL})
    if group:
        workers(p)
    p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "f", "other"))
    held = claim(p, 1) if group else []
    before = p.dump()
    assert pause(p) == [""]
    state = p.dump()
    back = ["r2", "r3"] if group else ["r1", "r2", "r3"]
    assert p.ready("f") == [r for _, r in held]
    assert state.get("slots:all", set()) == {r for _, r in held}
    assert waiting(state) == {
        "wait:f:k": [(r, int(r[1])) for r in back if r != "r3"], "wait:f:other": [("r3", 3)],
        "blocked:paused/f": [("f:k", 0), ("f:other", NEWCOMER)]}
    for r in back:
        assert state["run:" + r] == {**before["run:" + r], "entry": ""}
    assert claim(p) == []


def test_it_is_put_back_in_several_calls(p):
    p.seed(SCHEDULERS)
    workers(p)
    ids = [f"r{n:02}" for n in range(10)]
    p.enqueue(*[run(r, "f") for r in ids])
    entries = [entry for entry, _ in p.redis.xrange(p.key("ready:f"))]
    assert pause(p, most=4) == [entries[3]] and p.waiting("f") == ids[:4]
    assert pause(p, most=4, after=entries[3]) == [entries[7]] and p.waiting("f") == ids[:8]
    assert pause(p, most=4, after=entries[7]) == [""]
    assert p.ready("f") == [] and p.waiting("f") == ids
    assert pause(p, most=4) == [""]


def test_a_drain_of_much_that_stays_looks_at_a_part_in_each_call(p):
    """What has begun stays where it is. A call that looked at all of it would hold up everybody for as long."""
    p.seed({**SCHEDULERS, "limits": {"f": "5000 all\n"}})
    workers(p)
    for first in range(0, 3000, 500):
        p.enqueue(*[run(f"r{n}", "f", begun=1) for n in range(first, first + 500)])
    p.enqueue(run("new", "f"))
    after, calls = "", 0
    while calls == 0 or after:
        p.redis.config_resetstat()
        after, = pause(p, "drain", after=after)
        asked = sum(s["calls"] for s in p.redis.info("commandstats").values())
        assert asked < 1000, "one call asked Redis for more than the part that it was given"
        calls += 1
    assert 30 <= calls <= 32
    assert len(p.ready("f")) == 3000 and p.waiting("f") == ["new"]


def test_the_room_goes_to_others(p):
    p.seed({**SCHEDULERS, "limits": {"f": "2 all\n", "g": "2 all\n"}})
    workers(p, "f", "g")
    assert p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "g"), run("r4", "g")) == [0, 0, 0, WAITS, WAITS]
    pause(p)
    assert p.slots("all") == {"r3", "r4"} and p.ready("g") == ["r3", "r4"]
    assert waiting(p.dump()) == {"wait:f:k": [("r1", 1), ("r2", 2)], "blocked:paused/f": [("f:k", 0)]}


def test_who_waits_behind_a_limit_moves_when_it_comes_to_the_front(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    workers(p)
    p.enqueue(run("r1", "f"), run("r2", "f"))
    ((entry, _),) = claim(p)
    pause(p)
    assert p.dump()["blocked:all"] == [("f:k", NEWCOMER)]
    commit(p, "finish", entry, "r1")
    state = p.dump()
    assert waiting(state) == {"wait:f:k": [("r2", 2)], "blocked:paused/f": [("f:k", 0)]}
    assert "slots:all" not in state and p.ready("f") == []


def test_a_worker_that_holds_a_run_goes_on_until_it_parks(p):
    p.seed({**SCHEDULERS, **ALL})
    workers(p)
    p.enqueue(run("r1", "f"))
    ((entry, _),) = claim(p)
    pause(p)
    commit(p, "next", entry, "r1", fields={"st": 1}, results={"a": "1"})
    commit(p, "park", entry, "r1", delay=10**6)
    make_due(p, "r1")
    assert p.fire_timers() == [1, 0, -1]
    assert waiting(p.dump()) == {"wait:f+:k": [("r1", 1)], "blocked:paused/f+": [("f+:k", 0)]}


@pytest.mark.parametrize("mode, begun, ready", [("pause", False, []), ("pause", True, []), ("drain", False, []),
                                                ("drain", True, ["r1"])])
@pytest.mark.parametrize("how", ["returned", "reaped"])
def test_a_run_whose_worker_lets_go_of_it_waits(p, how, mode, begun, ready):
    """Else the next worker would get it although the function is paused."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n", "g": "1 all\n"}})
    workers(p, "f", "g")
    p.enqueue(run("r1", "f"), run("r2", "g"))
    ((entry, _),) = claim(p)
    if begun:
        commit(p, "next", entry, "r1", fields={"st": 1}, results={"a": "1"})
    pause(p, mode)
    if how == "returned":
        commit(p, "return", entry, "r1")
        assert p.commit("w1", outcome("return", "f", entry, "r1")) == [1]
    else:
        assert p.reap_worker("f", "w1") == [1, 0]
        assert p.reap_worker("f", "w1") == [0, 0]
    assert p.ready("f") == ready
    state = p.dump()
    assert state["slots:all"] == ({"r1"} if ready else {"r2"})
    name = "f+" if begun else "f"
    if not ready:
        assert waiting(state) == {f"wait:{name}:k": [("r1", 1)], f"blocked:paused/{name}": [(f"{name}:k", 0)]}
        pause(p, "run")
        ((entry, _),) = claim(p, fn="g")
        commit(p, "finish", entry, "r2", fn="g")
        p.fire_timers()
        assert p.ready("f") == ["r1"] and waiting(p.dump()) == {}
    assert state["run:r1"].get("deaths") == ("1" if how == "reaped" else None)


def test_a_paused_function_is_passed_over_by_claims(p):
    """Between two calls that put back, no worker gets what is still there."""
    p.seed(SCHEDULERS)
    workers(p, "f", "g")
    p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "g"))
    assert pause(p, most=1) != [""]
    assert p.ready("f") == ["r2"]
    assert [(index, run_id) for index, _, run_id, *_ in p.claim("w1", 9, "f", "g")] == [(1, "r3")]
    pause(p)
    pause(p, "run")
    p.fire_timers()
    assert [run_id for _, run_id in claim(p)] == ["r1", "r2"]


def test_the_others_of_a_fan_wait(p):
    p.seed({**SCHEDULERS, **ALL})
    workers(p)
    p.enqueue(run("r1", "f"))
    ((entry, _),) = claim(p)
    commit(p, "park", entry, "r1", delay=-1, extras={"fan": [3, 2]})
    pause(p)
    assert waiting(p.dump()) == {"wait:f+:k": [("r1.0", 1), ("r1.1", 1)], "blocked:paused/f+": [("f+:k", 0)]}
    pause(p, "run")
    p.fire_timers()
    assert p.ready("f") == ["r1.0", "r1.1"]


# ---- run: all go on ----

def test_all_go_on_in_turns_and_in_order(p):
    p.seed({**SCHEDULERS, "limits": {"f": "4 all\n"}, "controls": {"pause/f": "pause"}})
    workers(p)
    p.enqueue(*[run(f"{key}{n}", "f", key) for key in "ab" for n in range(3)], run("c0", "f", "c", begun=1))
    assert pause(p, "run") == [""]
    assert p.dump()["unsettled"] == {"paused/f", "paused/f+"}
    assert p.enqueue(run("a3", "f", "a")) == [0, WAITS]
    p.fire_timers()
    assert sorted(p.ready("f")) == ["a0", "a1", "b0", "b1"]
    served = []
    while claims := claim(p):
        served += [run_id for _, run_id in claims]
        for held in claims:
            commit(p, "finish", *held)
    for key in "ab":
        assert [r for r in served if r[0] == key] == sorted(r for r in served if r[0] == key)
    assert len(served) == 8 and "c0" in served[4:7]
    assert waiting(p.dump()) == {} and "controls" not in p.dump()


def test_a_function_without_limits_goes_on(p):
    p.seed({**SCHEDULERS, "controls": {"pause/f": "pause"}})
    p.enqueue(*[run(f"r{n:03}", "f") for n in range(450)])
    pause(p, "run")
    assert [p.fire_timers()[1] for _ in range(4)] == [200, 200, 50, 0]
    assert p.ready("f") == [f"r{n:03}" for n in range(450)] and waiting(p.dump()) == {}


def test_only_this_function_goes_on(p):
    p.seed({**SCHEDULERS, "controls": {"pause/f": "pause", "pause/g": "pause"}})
    p.enqueue(run("r1", "f"), run("r2", "g"))
    pause(p, "run")
    assert p.fire_timers() == [0, 1, -1]
    assert waiting(p.dump()) == {"wait:g:k": [("r2", 2)], "blocked:paused/g": [("g:k", 0)]}


# ---- drain: what has begun goes on ----

def test_drained_what_has_begun_stays_ready_and_what_has_not_goes_back(p):
    p.seed({**SCHEDULERS, **ALL})
    workers(p)
    p.enqueue(run("r1", "f"), run("r2", "f", begun=1), run("r3", "f"))
    assert pause(p, "drain") == [""]
    assert p.ready("f") == ["r2"] and p.slots("all") == {"r2"}
    assert waiting(p.dump()) == {"wait:f:k": [("r1", 1), ("r3", 3)], "blocked:paused/f": [("f:k", 0)]}
    assert [run_id for _, run_id in claim(p)] == ["r2"]


def test_drained_behind_many_that_have_begun_nothing_is_overlooked(p):
    p.seed(SCHEDULERS)
    workers(p)
    p.enqueue(*[run(f"b{n:02}", "f", begun=1) for n in range(25)], run("new1", "f"), run("new2", "f"))
    after = None
    while after != "":
        after, = pause(p, "drain", most=10, after=after or "")
    assert p.waiting("f") == ["new1", "new2"]
    assert p.ready("f") == [f"b{n:02}" for n in range(25)]


def test_drained_a_retry_goes_on(p):
    p.seed({**SCHEDULERS, **ALL})
    workers(p)
    p.enqueue(run("r1", "f"))
    ((entry, _),) = claim(p)
    pause(p, "drain")
    commit(p, "park", entry, "r1", delay=10**6, fields={"st": 1})
    make_due(p, "r1")
    assert p.fire_timers() == [1, 1, -1]
    assert [run_id for _, run_id in claim(p)] == ["r1"]


def test_a_drain_lets_go_what_a_pause_held(p):
    """Whatever stands before it."""
    p.seed({**SCHEDULERS, **ALL, "controls": {"pause/f": "pause"}})
    p.enqueue(run("new", "f", "a"), run("begun", "f", "z", begun=1), run("new2", "f", "b"))
    pause(p, "drain")
    assert p.fire_timers() == [0, 1, -1]
    assert p.ready("f") == ["begun"]
    assert waiting(p.dump()) == {"wait:f:a": [("new", 1)], "wait:f:b": [("new2", 3)],
                                 "blocked:paused/f": [("f:a", 0), ("f:b", NEWCOMER)]}


def test_a_pause_after_a_drain_holds_all(p):
    p.seed({**SCHEDULERS, **ALL, "controls": {"pause/f": "drain"}})
    p.enqueue(run("new", "f"), run("begun", "f", begun=1))
    assert p.ready("f") == ["begun"]
    pause(p)
    assert p.ready("f") == []
    assert waiting(p.dump()) == {"wait:f:k": [("new", 1)], "blocked:paused/f": [("f:k", 0)],
                                 "wait:f+:k": [("begun", 2)], "blocked:paused/f+": [("f+:k", 0)]}


@pytest.mark.parametrize("mode", ["pause", "drain"])
def test_people_are_told(p, mode):
    p.seed({**SCHEDULERS, **ALL, "controls": {"pause/f": mode}})
    p.enqueue(run("r1", "f"))
    reply = p.call("explain_run", "r1")
    assert dict(zip(reply[::2], reply[1::2]))["reason"] == "the function is paused or drained"


def test_an_entry_without_a_run_does_not_stop_it(p):
    p.seed({"ready:f": {"entries": [("1-0", "gone"), ("2-0", "r2")], "workers": {}},
            "run:r2": {"fn": "f", "key": "k", "seq": "2"}})
    assert pause(p) == [""]
    assert p.waiting("f") == ["r2"]


# ---- another maximum ----

def override(p, name, maximum):
    return p.call("set_override", name, maximum)


def test_an_override_is_noted_and_looked_at(p):
    assert override(p, "all", 3) == [1]
    assert p.dump() == {"controls": {"limit/all": "3"}, "unsettled": {"all"}}
    assert override(p, "all", 3) == [1]
    assert override(p, "all", "") == [1]
    assert p.dump() == {"unsettled": {"all"}}


def test_up_lets_others_go(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.enqueue(*[run(f"r{n}", "f") for n in range(5)])
    override(p, "all", 3)
    assert p.enqueue(run("late", "f")) == [0, WAITS]
    assert p.fire_timers() == [0, 2, -1]
    assert p.ready("f") == ["r0", "r1", "r2"]


def test_down_holds_at_once(p):
    p.seed({**SCHEDULERS, "limits": {"f": "3 all\n"}})
    workers(p)
    p.enqueue(*[run(f"r{n}", "f") for n in range(5)])
    override(p, "all", 1)
    p.fire_timers()
    claims = claim(p)
    for n, held in enumerate(claims):
        commit(p, "finish", *held)
        assert len(p.slots("all")) == (2, 1, 1)[n]
    assert p.ready("f") == ["r3"]


def test_nothing_at_all(p):
    p.seed({**SCHEDULERS, "limits": {"f": "3 all\n"}})
    override(p, "all", 0)
    assert p.enqueue(run("r1", "f")) == [0, WAITS]
    override(p, "all", "")
    assert p.fire_timers() == [0, 1, -1]


@pytest.mark.parametrize("owner", ["", ":", "$", "%s", "é ☃", "\udcff\x00"])
def test_of_one_owner_only(p, owner):
    p.seed({**SCHEDULERS, "limits": {"f": "1 fn/f:$\n9 creator:$\n"}})
    override(p, "fn/f:" + owner, 2)
    assert p.enqueue(*[run(f"r{n}", "f", owner) for n in range(3)], run("o1", "f", "other"), run("o2", "f", "other")) == [
        0, ADMITTED, ADMITTED, WAITS, ADMITTED, WAITS]


def test_of_a_shared_limit_it_goes_before_the_share(p):
    """With one partition there are no shares; with several the scheduler does not set it here."""
    p.seed({**SCHEDULERS, "limits": {"f": "~9 all\n"}, "share:all": {"max": "1", "version": "1"}})
    assert p.enqueue(run("r1", "f"), run("r2", "f")) == [0, ADMITTED, WAITS]
    override(p, "all", 2)
    assert p.fire_timers() == [0, 1, -1]


# ---- weights ----

def test_a_weight_is_noted(p):
    assert p.call("set_weight", "ada", "2.5") == [1]
    assert p.dump() == {"controls": {"weight/ada": "2.5"}}
    assert p.call("set_weight", "ada", "") == [1]
    assert p.dump() == {}


@pytest.mark.parametrize("weights", [{"a": 1, "b": 2, "c": 4}, {"a": 0.5, "b": 1}, {"a": 3, "b": 0.25, "c": 1, "d": 1},
                                     {"a": 10, "b": 1}])
def test_shares_are_proportional_to_weights(p, weights):
    shop = Shop(p, f="1 all\n")
    for owner, weight in weights.items():
        p.call("set_weight", owner, weight)
    shop.send("f", "first")
    for _ in range(2):
        for owner in weights:
            shop.send("f", owner, 500)
    served = shop.serve_many("f", 1001)[1:]
    turns = 1000 / sum(weights.values())
    for owner, weight in weights.items():
        assert abs(served.count(owner) - weight * turns) <= 2, (owner, served.count(owner))


@pytest.mark.parametrize("weight, of_1000", [(1000, 999), (0.01, 10)])
def test_the_greatest_and_the_least_weight(p, weight, of_1000):
    shop = Shop(p, f="1 all\n")
    p.call("set_weight", "a", weight)
    shop.send("f", "first")
    shop.send("f", "a", 1000)
    shop.send("f", "b", 1000)
    served = shop.serve_many("f", 1001)[1:]
    assert abs(served.count("a") - of_1000) <= 2


def test_a_weight_counts_over_all_functions_of_the_owner(p):
    shop = Shop(p, f="1 all\n", g="1 all\n", h="1 all\n")
    p.call("set_weight", "a", 2)
    shop.send("h", "first")
    for fn in "fg":
        shop.send(fn, "a", 200)
    shop.send("f", "b", 200)
    served = []
    for _ in range(301):
        fn = next(fn for fn in "hfg" if p.ready(fn))
        served.append((fn, shop.serve(fn)))
    owners = [owner for _, owner in served[1:]]
    assert abs(owners.count("a") - 200) <= 2
    assert abs(served.count(("f", "a")) - served.count(("g", "a"))) <= 2


def test_a_weight_that_changes_holds_from_then_on(p):
    shop = Shop(p, f="1 all\n")
    shop.send("f", "first")
    shop.send("f", "a", 500)
    shop.send("f", "b", 500)
    assert abs(shop.serve_many("f", 101)[1:].count("a") - 50) <= 1
    p.call("set_weight", "a", 4)
    assert abs(shop.serve_many("f", 100).count("a") - 80) <= 2
    p.call("set_weight", "a", "")
    assert abs(shop.serve_many("f", 100).count("a") - 50) <= 2


def test_a_weight_does_not_matter_behind_the_owners_own_limit(p):
    shop = Shop(p, f="1 own:$\n", g="1 own:$\n")
    p.call("set_weight", "a", 100)
    shop.send("f", "a", 20)
    shop.send("g", "a", 20)
    served = [(fn := "f" if p.ready("f") else "g", shop.serve(fn)) for _ in range(20)]
    assert 9 <= sum(fn == "f" for fn, _ in served) <= 11


def test_a_weight_of_an_owner_with_any_name(p):
    for owner in ("", "\n", ":", "é", "\udcff\x00"):
        p.call("set_weight", owner, 2)
        p.call("set_weight", owner, "")
    assert p.dump() == {}


# ---- Redis is full ----

def test_a_full_redis_lets_all_of_it_pass(p):
    p.seed({**SCHEDULERS, **ALL})
    p.enqueue(run("r1", "f"))
    p.redis.config_set("maxmemory", "1")
    assert pause(p) == [""] and p.ready("f") == []
    assert pause(p, "drain") == [""] and pause(p, "run") == [""]
    assert override(p, "all", 1) == [1]
    assert p.call("set_weight", "a", 2) == [1]
    assert p.fire_timers() == [0, 1, -1]
    assert p.ready("f") == ["r1"]
    assert p.dump()["controls"] == {"limit/all": "1", "weight/a": "2"}
