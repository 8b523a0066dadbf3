"""A run is cancelled wherever it is; one that a worker holds, when the worker lets go of it."""

import json

import pytest

from partition import GONE, NOW, after, outcome, run

CANCELLED, CANCELLING, ENDED, NOT_HERE = 0, 1, 2, 3
SCHEDULERS = {"schedulers": {"s1": "1"}}
LIMITS = {"limits": {"f": "5 own:$\n5 all\n"}}


def cancel(p, run_id="r1", reason="why"):
    return p.call("cancel_run", run_id, reason)


def told(run_id="r1", reason="why", event="{}", at=NOW):
    """What history and the stream of events get."""
    data = f'{{"function_id":"chronos-f","run_id":"{run_id}","reason":{json.dumps(reason)},"event":{event}}}'
    return {"history": [{"kind": "cancelled", "run": run_id, "at": at, "body": reason}],
            "events": [{"name": "inngest/function.cancelled", "data": data}]}


def held(**more):
    """r1, held by w1 with its slots."""
    return {**LIMITS, "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1", "entry": "1-0",
                                 "limits": LIMITS["limits"]["f"]},
            "input:r1": "{}", "steps:r1": {"one": "1"}, "slots:own:k": {"r1"}, "slots:all": {"r1"},
            "ready:f": {"entries": [("1-0", "r1")], "workers": {"w1": ["1-0"]}}, **more}


def ended(before, run_id="r1"):
    return {**before[f"run:{run_id}"], "entry": "", "done": "1"}


# ---- where it may be ----

def test_it_is_not_here(p):
    assert cancel(p) == [NOT_HERE]
    assert p.dump() == {}


def test_it_has_ended(p):
    before = p.seed({"run:r1": {"fn": "f", "key": "k", "done": "1"}})
    assert cancel(p) == [ENDED]
    assert p.dump() == before


@pytest.mark.parametrize("group", [True, False])
def test_it_is_ready(p, group):
    p.seed({**SCHEDULERS, **LIMITS})
    if group:
        p.redis.xgroup_create(p.key("ready:f"), "workers", "0", mkstream=True)
    p.enqueue(run("r1", "f"), run("r2", "f"))
    before = p.dump()
    assert cancel(p) == [CANCELLED]
    assert p.dump() == after(before, {
        **told(), "run:r1": ended(before), "slots:own:k": {"r2"}, "slots:all": {"r2"},
        "ready:f": {**before["ready:f"], "entries": [("*", "r2")]}})


def test_it_waits_alone(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}})
    p.enqueue(run("r1", "f"))
    before = p.dump()
    assert cancel(p) == [CANCELLED]
    assert p.dump() == after(before, {**told(), "run:r1": ended(before), "wait:f:k": GONE, "blocked:all": GONE})


@pytest.mark.parametrize("victim", ["r1", "r2", "r3"])
def test_it_waits_among_others(p, victim):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}})
    p.enqueue(run("r1", "f"), run("r2", "f"), run("r3", "f"))
    before = p.dump()
    assert cancel(p, victim) == [CANCELLED]
    assert p.dump() == after(before, {
        **told(victim), "run:" + victim: ended(before, victim),
        "wait:f:k": [item for item in before["wait:f:k"] if item[0] != victim]})


@pytest.mark.parametrize("template", ["1 own:$\n", "1 all\n", "1 video:$2\n"])
def test_the_last_of_a_queue_takes_it_away_from_behind_any_limit(p, template):
    key = "k\nv"
    name = template.split()[1].replace("$2", "v").replace("$", "k")
    p.seed({**SCHEDULERS, "limits": {"f": template}, "slots:" + name: {"r0"}})
    p.enqueue(run("r1", "f", key), run("r2", "f", key, begun=1), run("r3", "f", "k\nw"))
    for victim in ("r1", "r2"):
        assert cancel(p, victim) == [CANCELLED]
    state = p.dump()
    assert [name for name in state if name.startswith("wait:")] in ([], ["wait:f:k\nw"])
    assert not any("k\nv" in member for name, value in state.items() if name.startswith("blocked:") for member, _ in value)


@pytest.mark.parametrize("mode", ["pause", "drain"])
def test_it_waits_because_the_function_is_paused(p, mode):
    p.seed({**SCHEDULERS, **LIMITS, "controls": {"pause/f": mode}})
    assert p.enqueue(run("r1", "f")) == [0, 1]
    assert cancel(p) == [CANCELLED]
    assert not [name for name in p.dump() if name.startswith(("wait:", "blocked:", "vt:"))]


def test_it_is_parked(p):
    p.seed({**SCHEDULERS, **LIMITS})
    p.enqueue(run("r1", "f", due=p.now_ms() + 60000))
    before = p.dump()
    assert cancel(p) == [CANCELLED]
    assert p.dump() == after(before, {**told(), "run:r1": ended(before), "timers": GONE})


PARKED_BY = {
    "sleep": {"delay": 60000},
    "event": {"delay": 60000, "extras": {"step": "s", "wait": ["a/b", "data.id", "7", 1, "e1", ""]}},
    "event without end": {"delay": -1, "extras": {"step": "s", "wait": ["a/b", "", "", 0, "e1", ""]}},
    "function": {"delay": 60000, "extras": {"step": "s", "invoke": "g", "data": "{}"}},
    "branches": {"delay": -1, "extras": {"fan": [9, 2]}},
}


@pytest.mark.parametrize("why", PARKED_BY)
def test_it_waits_for_something(p, why):
    """Nothing of what it waited with is left."""
    p.seed(held())
    assert p.commit("w1", outcome("park", "f", "1-0", "r1", fields={"st": 1}, **PARKED_BY[why])) == [0]
    before = p.dump()
    assert cancel(p) == [CANCELLED]
    state = p.dump()
    fields = {name: value for name, value in ended(before).items() if not name.startswith("fan_")}
    assert state["run:r1"] == fields
    assert state["history"] == told()["history"] and state["events"][-1] == told()["events"][0]
    assert sorted(name for name in state if name not in ("history", "events")) == [
        "input:r1", "limits", "ready:f", "run:r1", "steps:r1"]
    assert p.ready("f") == []


# ---- a worker holds it ----

def take_start(p, state):
    """A run of which nothing was stored began when its lease did."""
    assert p.now_ms() - 60000 < int(state["run:r1"].pop("st")) <= p.now_ms()
    return state


@pytest.mark.parametrize("op", ["next", "park", "finish", "return"])
def test_held_it_is_marked_and_ends_with_the_next_outcome(p, op):
    before = p.seed(held())
    assert cancel(p) == [CANCELLING]
    marked = {**before["run:r1"], "cancel": "why"}
    assert p.dump() == after(before, {"run:r1": marked})
    given = outcome(op, "f", "1-0", "r1", delay=5000, fields={"try": 2}, results={"two": "2"}, events=[("a", "{}")],
                    extras={"cost": 5}, body="row\n")
    assert p.commit("w1", given) == [4]
    assert take_start(p, p.dump()) == after(before, {
        **told(), "run:r1": {**marked, "entry": "", "last": "1-0", "done": "1"}, "slots:own:k": GONE, "slots:all": GONE,
        "ready:f": {"entries": [], "workers": {"w1": []}}})
    settled = p.dump()
    assert p.commit("w1", given) == [4]
    assert p.dump() == settled


def test_held_it_keeps_its_slots_until_then(p):
    p.seed(held(**{"limits": {"f": "1 own:$\n5 all\n"}}, **SCHEDULERS))
    assert p.enqueue(run("r2", "f")) == [0, 1]
    cancel(p)
    assert p.slots("own:k") == {"r1"} and p.ready("f") == ["r1"]
    assert p.commit("w1", outcome("finish", "f", "1-0", "r1")) == [4]
    assert p.slots("own:k") == {"r2"} and p.ready("f") == ["r2"]


def test_held_it_ends_when_its_worker_is_reaped(p):
    p.seed(held(**{"limits": {"f": "1 own:$\n5 all\n"}}, **SCHEDULERS))
    p.enqueue(run("r2", "f"))
    cancel(p)
    before = p.dump()
    assert p.reap_worker("f", "w1") == [0, 0]
    state = take_start(p, p.dump())
    assert state["run:r1"] == {**before["run:r1"], "entry": "", "done": "1"}
    assert {name: state[name] for name in ("history", "events")} == told()
    assert p.ready("f") == ["r2"] and state["slots:own:k"] == {"r2"}
    assert p.commit("w1", outcome("finish", "f", "1-0", "r1")) == [2]


def test_held_its_worker_can_learn_of_it(p):
    p.seed(held())
    assert p.call("lost_leases", "w1", "f", "1-0", "r1") == [0]
    cancel(p)
    assert p.call("lost_leases", "w1", "f", "1-0", "r1") == [2]


def test_in_a_batch_the_others_are_applied(p):
    p.seed({"run:r1": {"fn": "f", "key": "k", "cancel": "why"}, "run:r2": {"fn": "f", "key": "k"}, "input:r1": "{}",
            "ready:f": {"entries": [("1-0", "r1"), ("2-0", "r2")], "workers": {"w1": ["1-0", "2-0"]}}})
    assert p.commit("w1", outcome("finish", "f", "1-0", "r1", body="1"), outcome("finish", "f", "2-0", "r2", body="2"),
                    outcome("next", "f", "1-0", "r1", results={"s": "1"})) == [4, 0, 4]
    state = p.dump()
    assert [(h["kind"], h["run"], h["body"]) for h in state["history"]] == [
        ("cancelled", "r1", "why"), ("lines", "r2", "2")]
    assert "steps:r1" not in state


# ---- called again ----

def test_again_when_it_was_cancelled(p):
    p.seed({**SCHEDULERS, **LIMITS})
    p.enqueue(run("r1", "f"))
    cancel(p)
    before = p.dump()
    assert cancel(p) == [ENDED]
    assert p.dump() == before


def test_again_when_a_worker_holds_it(p):
    before = p.seed(held())
    assert cancel(p) == [CANCELLING]
    assert cancel(p, reason="another") == [CANCELLING]
    assert p.dump() == after(before, {"run:r1": {**before["run:r1"], "cancel": "another"}})


# ---- what else ends with it ----

def test_all_that_the_run_had(p):
    p.seed({**SCHEDULERS, **LIMITS})
    before = p.dump()
    p.enqueue(run("r1", "f", once=[60000, "o"], rate=[5, 60000, "r"], single=["skip", "s"], start_by=1000, finish_by=2000,
                  listen=[["a", "", "", 0, "e1", ""], ["b", "p", "v", 9, "e1", ""]], parent=[0, "r9", "step"]))
    assert cancel(p) == [CANCELLED]
    state = p.dump()
    assert sorted(state) == sorted([*before, "events", "history", "input:r1", "once:f:o", "rate:f:r", "ready:f",
                                    "run:r1", "seq"])
    notice, answer = state["events"]
    assert notice["name"] == "inngest/function.cancelled"
    assert (answer["to"], json.loads(answer["error"])) == ("0\nr9\nstep", {"name": "Cancelled", "message": "why"})


def test_who_waits_gets_its_place(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.enqueue(run("r1", "f"), run("r2", "f", "other"), run("r3", "f"))
    assert cancel(p) == [CANCELLED]
    assert p.ready("f") == ["r3"] and p.slots("all") == {"r3"}


def test_several_events_go_along(p):
    p.seed({**SCHEDULERS})
    p.enqueue(run("r1", "f", data="1", batch=[9, 60000, "x"]), run("r2", "f", data="2", batch=[9, 60000, "x"]))
    p.redis.zadd(p.key("timers"), {"r1": 1})
    p.fire_timers()
    cancel(p)
    assert json.loads(p.dump()["events"][0]["data"])["events"] == [1, 2]


def test_a_run_without_an_input(p):
    p.seed({**SCHEDULERS})
    p.enqueue(run("r1", "f"))
    p.redis.delete(p.key("input:r1"))
    assert cancel(p) == [CANCELLED]
    assert json.loads(p.dump()["events"][0]["data"])["event"] is None


@pytest.mark.parametrize("hash_", [{"fn": "f"}, {"fn": "f", "key": "k"}, {"fn": "f", "entry": "7-7"}])
def test_a_hash_that_somebody_has_damaged(p, hash_):
    p.seed({"run:r1": hash_, "ready:f": {"entries": [("1-0", "other")], "workers": {}}})
    assert cancel(p) == [CANCELLED]
    assert p.dump()["run:r1"]["done"] == "1"


@pytest.mark.parametrize("reason", ["", '"\\\n\t', "%s %d %%", "é ☃", "x" * 1000, "a\x00b"])
def test_any_reason(p, reason):
    data = '{"big":"' + "y" * 500 + '"}'
    p.seed({**SCHEDULERS})
    p.enqueue(run("r1", "f", data=data))
    assert cancel(p, reason=reason) == [CANCELLED]
    state = p.dump()
    assert state["history"][0]["body"] == reason
    notice = json.loads(state["events"][0]["data"])
    assert (notice["reason"], notice["event"]) == (reason, json.loads(data))


def test_an_input_that_is_no_json_passes_as_it_is(p):
    data = '{"short":"\x00\udcff"}'
    p.seed({**SCHEDULERS})
    p.enqueue(run("r1", "f", data=data))
    cancel(p)
    assert p.dump()["events"][0]["data"].endswith(f'"event":{data}}}')


def test_a_full_redis_lets_it_pass(p):
    p.seed(held(**SCHEDULERS))
    p.enqueue(run("r2", "f"))
    p.redis.config_set("maxmemory", "1")
    assert cancel(p, "r2") == [CANCELLED]
    assert cancel(p) == [CANCELLING]
    assert p.commit("w1", outcome("finish", "f", "1-0", "r1")) == [4]
