"""A slot of a function's only limit goes from a run to the next of its owner: the short way comes to what the long one does."""

import pytest
import redis

from partition import GONE, NEWCOMER, after, outcome, run

ONE = "1 fn/f:$\n"
# by its entry's millisecond a run goes the one way or the other, see lua/include/hand_over.lua
WAYS = {"straight": "1700000000011-0", "looking": "1700000000000-0"}


@pytest.fixture(params=WAYS)
def entry(request):
    return WAYS[request.param]


def seeded(p, entry, waiting=("r2", "r3"), template=ONE, **more):
    """r1 of f holds the only slot of k, the others wait."""
    state = {"schedulers": {"s1": "1"}, "limits": {"f": template}, "slots:fn/f:k": {"r1"},
             "ready:f": {"entries": [(entry, "r1")], "workers": {"w1": [entry]}},
             "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1", "entry": entry, "limits": template}}
    for order, run_id in enumerate(waiting, 2):
        state[f"run:{run_id}"] = {"fn": "f", "key": "k", "seq": str(order), "at": "1"}
    if waiting:
        state.update({"wait:f:k": [(run_id, order) for order, run_id in enumerate(waiting, 2)], "blocked:fn/f:k": [("f:k", 0)]})
    p.seed({**state, **more})
    return p.dump()


def end(p, entry, op="finish", run_id="r1"):
    assert p.commit("w1", outcome(op, "f", entry, run_id, delay=10**7)) == [0]
    return p.dump()


def end_next(p, fn="f"):
    (_, entry, run_id, *_), = p.claim("w1", 1, fn)
    end(p, entry, run_id=run_id)
    return run_id


def admitted(before, run_id, template=ONE):
    return {f"run:{run_id}": {**before[f"run:{run_id}"], "entry": "*", "limits": template}, "slots:fn/f:k": {run_id},
            "ready:f": {"entries": [("*", run_id)], "workers": {"w1": []}}}


ENDED = {"finish": {"last": "*", "entry": "", "done": "1"}, "park": {"last": "*", "entry": ""}}


@pytest.mark.parametrize("op", ENDED)
def test_the_next_of_the_queue_gets_it(p, entry, op):
    before = seeded(p, entry)
    state = end(p, entry, op)
    state.pop("timers", None)
    assert state == after(before, {
        **admitted(before, "r2"), "run:r1": {**before["run:r1"], **ENDED[op]}, "wait:f:k": [("r3", 3)]})


def test_the_last_one_leaves_no_queue_behind(p, entry):
    before = seeded(p, entry, ["r2"])
    assert end(p, entry) == after(before, {
        **admitted(before, "r2"), "run:r1": {**before["run:r1"], **ENDED["finish"]}, "wait:f:k": GONE, "blocked:fn/f:k": GONE})


def test_nobody_waits(p, entry):
    before = seeded(p, entry, [])
    assert end(p, entry) == after(before, {
        "run:r1": {**before["run:r1"], **ENDED["finish"]}, "slots:fn/f:k": GONE, "ready:f": {"entries": [], "workers": {"w1": []}}})


def test_who_holds_no_slot_hands_none_over(p, entry):
    before = seeded(p, entry, **{"slots:fn/f:k": {"x"}})
    assert end(p, entry) == after(before, {
        "run:r1": {**before["run:r1"], **ENDED["finish"]}, "ready:f": {"entries": [], "workers": {"w1": []}}})


def test_a_function_that_is_paused_keeps_its_runs_waiting(p, entry):
    before = seeded(p, entry, controls={"pause/f": "pause"})
    assert end(p, entry) == after(before, {
        "run:r1": {**before["run:r1"], **ENDED["finish"]}, "slots:fn/f:k": GONE, "blocked:fn/f:k": GONE,
        "blocked:paused/f": [("f:k", 0)], "ready:f": {"entries": [], "workers": {"w1": []}}})


@pytest.mark.parametrize("template", ["1 fn/f:$\n9 all\n", "1 own:$\n", "1 fn/f\n", "1 fn/g:$\n", "~1 fn/f:$\n", "usd9/0 fn/f:$\n"])
def test_more_to_ask_than_one_limit_of_its_own(p, template):
    """Everybody is served all the same, and in order."""
    p.seed({"schedulers": {"s1": "1"}, "limits": {"f": template}, "share:fn/f:k": {"max": "1", "version": "1"},
            "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(*[run(f"r{n}", "f") for n in range(4)])
    assert [end_next(p) for _ in range(4)] == [f"r{n}" for n in range(4)]
    assert not [name for name in p.dump() if name.startswith(("slots:", "wait:", "blocked:", "tangled", "unsettled"))]


def test_another_template_is_asked_its_own_limits(p):
    """r1 was admitted by one that is no more."""
    seeded(p, WAYS["straight"])
    p.redis.hset(p.key("limits"), "f", "2 fn/f:$\n")
    end(p, WAYS["straight"])
    assert p.slots("fn/f:k") == {"r2", "r3"}


def test_items_of_an_owner_stand_in_their_line(p, entry):
    before = seeded(p, entry, [], **{
        "run:r1": {"fn": "f", "key": "k\na", "seq": "1", "at": "1", "entry": entry, "limits": ONE},
        "run:r2": {"fn": "f", "key": "k\nb", "seq": "2", "at": "1"},
        "wait:f:k\nb": [("r2", 2)], "line:f:k": [("f:k\nb", 2)], "blocked:fn/f:k": [("\nf:k", 0)]})
    assert end(p, entry) == after(before, {
        **admitted(before, "r2"), "run:r1": {**before["run:r1"], **ENDED["finish"]},
        "wait:f:k\nb": GONE, "line:f:k": GONE, "blocked:fn/f:k": GONE, "tangled": {"fn/f:k": "1"}})


@pytest.mark.parametrize("op", ENDED)
@pytest.mark.parametrize("key", ["controls", "tangled", "limits"])
def test_a_key_of_the_wrong_type_stops_it_before_it_writes(p, key, op):
    seeded(p, WAYS["straight"])
    p.redis.set(p.key(key), "text")
    before = p.dump()
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.commit("w1", outcome(op, "f", WAYS["straight"], "r1", results={"s": "1"}, events=[("e", "{}")], extras={"cost": 5}))
    assert p.dump() == before


# ---- where the longer way is taken ----

def filled(p, template, *runs):
    p.seed({"schedulers": {"s1": "1"}, "limits": {"f": template}, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(*runs)


def test_what_has_begun_and_what_is_new_take_turns(p):
    filled(p, ONE, run("first", "f"), *[run(f"n{i}", "f") for i in range(4)], *[run(f"b{i}", "f", begun=1) for i in range(4)])
    assert p.dump()["tangled"] == {"fn/f:k": "1"}
    assert end_next(p) == "first"
    served = [end_next(p) for _ in range(8)]
    assert {served[i][0] + served[i + 1][0] for i in range(0, 8, 2)} <= {"nb", "bn"}, served
    assert "tangled" not in p.dump()


def test_the_queue_of_new_runs_alone_is_not_tangled(p):
    filled(p, ONE, *[run(f"r{n}", "f") for n in range(4)])
    for n in range(4):
        assert end_next(p) == f"r{n}" and "tangled" not in p.dump()


def test_begun_runs_that_wait_alone_are_looked_for(p):
    """New ones may stand elsewhere, and are not to go before them."""
    filled(p, ONE, *[run(f"r{n}", "f", begun=1) for n in range(4)])
    for n in range(4):
        assert p.redis.hgetall(p.key("tangled")) == {"fn/f:k": "1"}
        assert end_next(p) == f"r{n}"
    assert "tangled" not in p.dump()


def test_who_stands_unseen_behind_the_limit_is_found(p):
    """An engine of before did not write it down: the next who looks does, and an empty queue of its own makes a run look."""
    both = {"wait:f+:k": [("b", 9)], "run:b": {"fn": "f", "key": "k", "seq": "9", "at": "1"}}
    seeded(p, WAYS["looking"], **both, **{"blocked:fn/f:k": [("f:k", 0), ("f+:k", NEWCOMER)]})
    assert end(p, WAYS["looking"])["tangled"] == {"fn/f:k": "1"}
    p.redis.flushall()
    seeded(p, WAYS["straight"], [], **both, **{"blocked:fn/f:k": [("f+:k", 0)]})
    end(p, WAYS["straight"])
    assert p.slots("fn/f:k") == {"b"}


def test_nothing_is_left_of_queues_that_were_cancelled(p):
    filled(p, ONE, run("r1", "f"), run("r2", "f"), run("b", "f", begun=1))
    for run_id in ("r2", "b"):
        assert p.call("cancel_run", run_id, "why") == [0]
    assert end_next(p) == "r1"
    assert not [name for name in p.dump() if name.startswith(("slots:", "wait:", "blocked:", "tangled"))]


def test_a_limit_that_was_lowered_lets_nobody_go_until_enough_have_left(p):
    filled(p, "3 fn/f:$\n", *[run(f"r{n}", "f") for n in range(9)])
    p.call("set_override", "fn/f:k", 1)
    p.fire_timers()
    assert p.dump()["tangled"] == {"fn/f:k": "1"}
    claimed = p.claim("w1", 9, "f")
    for held, (_, entry, run_id, *_) in zip([{"r1", "r2"}, {"r2"}, {"r3"}], claimed):
        end(p, entry, run_id=run_id)
        assert p.slots("fn/f:k") == held
    assert end_next(p) == "r3" and "tangled" not in p.dump()
    assert p.slots("fn/f:k") == {"r4"}


def test_a_queue_that_still_stands_behind_a_pause_is_not_served_from_elsewhere(p):
    """The pause is over, and who stood behind it has not been looked at: the limit was lowered meanwhile."""
    filled(p, "3 fn/f:$\n", *[run(f"r{n}", "f") for n in range(9)])
    claimed = p.claim("w1", 9, "f")
    p.call("set_pause", "f", "pause", 100, "")
    p.enqueue(run("late", "f"))
    p.call("set_override", "fn/f:k", 1)
    p.call("set_pause", "f", "run", 100, "")
    for held, (_, entry, run_id, *_) in zip([{"r1", "r2"}, {"r2"}], claimed):
        end(p, entry, run_id=run_id)
        assert p.slots("fn/f:k") == held
    p.fire_timers()
    assert p.slots("fn/f:k") == {"r2"}


def test_what_a_drain_let_go_is_served_when_it_is_over(p):
    """The queue of new runs stands behind the drain, that of begun ones behind the limit."""
    filled(p, ONE, run("r1", "f"))
    (_, entry, run_id, *_), = p.claim("w1", 1, "f")
    p.call("set_pause", "f", "drain", 100, "")
    p.enqueue(run("new", "f"), run("b", "f", begun=1))
    p.call("set_pause", "f", "run", 100, "")
    end(p, entry, run_id=run_id)
    assert p.slots("fn/f:k") == {"b"}


def test_a_queue_that_comes_to_a_limit_with_too_many_holders(p):
    """It was lowered when nobody stood there."""
    filled(p, "3 fn/f:$\n", *[run(f"r{n}", "f") for n in range(3)])
    p.call("set_override", "fn/f:k", 1)
    p.fire_timers()
    p.enqueue(run("r3", "f"))
    assert p.dump()["tangled"] == {"fn/f:k": "1"}
    assert end_next(p) == "r0"
    assert p.slots("fn/f:k") == {"r1", "r2"}


def test_a_limit_that_was_raised_is_filled(p):
    filled(p, ONE, *[run(f"r{n}", "f") for n in range(4)])
    p.call("set_override", "fn/f:k", 3)
    assert end_next(p) == "r0"
    p.fire_timers()
    assert p.slots("fn/f:k") == {"r1", "r2", "r3"}


# ---- which way is taken ----

def looks(p, entry, **state):
    """How often queues are looked at when r1 ends."""
    p.redis.flushall()
    seeded(p, entry, **state)
    p.redis.config_resetstat()
    assert p.commit("w1", outcome("finish", "f", entry, "r1")) == [0]
    return p.redis.info("commandstats")["cmdstat_zrange"]["calls"]


def test_the_short_way_asks_for_no_other_queue(p):
    assert {way: looks(p, entry) for way, entry in WAYS.items()} == {"straight": 1, "looking": 2}


@pytest.mark.parametrize("name, template", [("own:k", "1 own:$\n"), ("fn/g:k", "1 fn/g:$\n"), ("fn/f:k", "~1 fn/f:$\n")])
def test_a_limit_that_others_use_is_looked_at(p, name, template):
    """By its name another function may have it too, or another partition."""
    held = {f"slots:{name}": {"r1"}, f"blocked:{name}": [("f:k", 0)], f"share:{name}": {"max": "1", "version": "1"}}
    assert looks(p, WAYS["straight"], template=template, **held) == 2


def test_as_long_as_something_is_unsettled_everybody_looks(p):
    assert looks(p, WAYS["straight"], unsettled={"any"}) == 2


# ---- more hold the limit than may, and nobody has written it down ----

def test_a_slot_that_an_audit_has_taken_lets_nobody_go_until_enough_have_left(p):
    """Somebody has deleted the slots by hand, and another run was admitted before the audit came."""
    filled(p, ONE, run("r0", "f"))
    p.redis.delete(p.key("slots:fn/f:k"))
    p.enqueue(*[run(f"r{n}", "f") for n in range(1, 9)])
    assert p.call("audit_run", *[f"r{n}" for n in range(9)]) == ["r0", "slots"]
    for _ in range(3):
        p.fire_timers()
    held = [p.slots("fn/f:k")]
    for _ in range(2):
        (_, entry, run_id, *_), *_ = p.claim("w1", 1, "f")
        end(p, entry, run_id=run_id)
        held.append(p.slots("fn/f:k"))
    assert held == [{"r0", "r1"}, {"r1"}, {"r2"}]


def test_no_word_is_left_of_a_limit_of_none_whose_queues_were_cancelled(p):
    filled(p, ONE)
    p.call("set_override", "fn/f:k", 0)
    p.fire_timers()
    p.enqueue(run("n", "f"), run("b", "f", begun=1))
    for run_id in ("n", "b"):
        assert p.call("cancel_run", run_id, "why") == [0]
    p.fire_timers()
    assert "tangled" not in p.dump()


# ---- the queue stands behind a limit that its function has no more, and others hold that one still ----

def left_behind(p, template):
    """New runs of f stand behind `all`, which is e's alone by now; three that have begun came later."""
    filled(p, template + "1 all\n")
    p.redis.hset(p.key("limits"), "e", "1 all\n")
    p.enqueue(run("x0", "e", "x"), run("x1", "e", "x"), run("n0", "f"), run("n1", "f"))
    p.call("install_limits", "f", template, "all")
    p.fire_timers()
    assert [member for member, _ in p.dump()["blocked:all"]] == ["e:x", "f:k"]
    p.enqueue(*[run(f"b{n}", "f", begun=1) for n in range(3)])


def test_who_stands_behind_the_limit_is_not_passed_by_who_stands_elsewhere(p):
    left_behind(p, ONE)
    assert [end_next(p) for _ in range(2)] == ["b0", "b1"]


def test_a_limit_that_was_lowered_lets_nobody_go_who_stands_elsewhere(p):
    left_behind(p, "3 fn/f:$\n")
    p.call("set_override", "fn/f:k", 1)
    p.fire_timers()
    assert end_next(p) == "b0"
    assert p.slots("fn/f:k") == {"b1", "b2"}
