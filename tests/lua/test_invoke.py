"""A run invokes a function and waits for its end."""

import json

import pytest

from partition import GONE, NOW, after, now_plus, outcome, run

APPLIED, REPEATED, CANCELLED = 0, 1, 4
SCHEDULERS = {"schedulers": {"s1": "1"}}
ERROR = '{"name":"E","message":"m"}'


def claimed(**more):
    """r1 of f, held by w1 with a slot."""
    return {"limits": {"f": "9 all\n"}, "slots:all": {"r1"}, "input:r1": "{}",
            "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "777", "st": "1", "limits": "9 all\n", "entry": "1-0"},
            "ready:f": {"entries": [("1-0", "r1")], "workers": {"w1": ["1-0"]}}, **more}


def invoke_outcome(function="g", step="child", data='{"a":1}', delay=-1, entry="1-0", **more):
    return outcome("park", "f", entry, "r1", delay=delay, extras={"step": step, "invoke": function, "data": data}, **more)


def invoke(p, **more):
    assert p.commit("w1", invoke_outcome(**more)) == [APPLIED]


def resume(p, step="child", word="ok", value="5", body="", run_id="r1"):
    return p.call("resume_run", run_id, step, word, value, body)


def went_on(before):
    """The hash of a run that waited and was admitted again."""
    hash_after = {**before["run:r1"], "entry": "*"}
    del hash_after["wait"], hash_after["invoke"]
    return {"run:r1": hash_after, "slots:all": {"r1"}, "ready:f": {"entries": [("*", "r1")], "workers": {"w1": []}}}


# ---- it invokes ----

def test_it_is_parked_and_sends_for_the_function(p):
    before = p.seed(claimed())
    invoke(p)
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "entry": "", "last": "1-0", "wait": "child", "invoke": "g"}, "slots:all": GONE,
        "ready:f": {"entries": [], "workers": {"w1": []}},
        "events": [{"name": "inngest/function.invoked", "data": '{"a":1}', "fn": "g", "parent": "0\nr1\nchild"}]})


def test_the_partition_is_named(p):
    p.prefix = "{c17}"
    try:
        p.seed(claimed())
        invoke(p)
        assert p.dump()["events"][0]["parent"] == "17\nr1\nchild"
    finally:
        p.prefix = "{c0}"


def test_a_timeout_is_a_timer(p):
    p.seed(claimed())
    invoke(p, delay=5000)
    assert p.dump()["timers"] == [("r1", now_plus(5000))]


def test_a_repeated_call_sends_once(p):
    p.seed(claimed())
    invoke(p)
    before = p.dump()
    assert p.commit("w1", invoke_outcome()) == [REPEATED]
    assert p.dump() == before


@pytest.mark.parametrize("text", ["%s", ":", "é ☃", "x" * 500, "\udcff\x00", "a b/c"])
def test_bytes_pass_unchanged(p, text):
    p.seed(claimed())
    invoke(p, function=text, step=text, data=text)
    state = p.dump()
    assert state["events"] == [{"name": "inngest/function.invoked", "data": text, "fn": text,
                                "parent": "0\nr1\n" + text}]
    assert resume(p, step=text, value=text) == [1]
    assert p.dump()["steps:r1"] == {text: text}


# ---- the function has ended ----

@pytest.mark.parametrize("word, name", [("ok", "child"), ("error", "error:child")])
def test_it_goes_on_with_the_answer(p, word, name):
    p.seed(claimed())
    invoke(p, delay=5000)
    before = p.dump()
    assert resume(p, word=word, value=ERROR, body="row\n") == [1]
    assert p.dump() == after(before, {
        **went_on(before), "steps:r1": {name: ERROR}, "timers": GONE,
        "history": [{"kind": "lines", "run": "", "at": NOW, "body": "row\n"}]})


def test_without_rows_there_is_no_history(p):
    p.seed(claimed())
    invoke(p)
    resume(p)
    assert "history" not in p.dump()


def test_a_repeated_answer_changes_nothing(p):
    p.seed(claimed())
    invoke(p)
    resume(p)
    before = p.dump()
    assert resume(p, value="6", body="row") == [0]
    assert resume(p, word="error", value=ERROR) == [0]
    assert p.dump() == before


@pytest.mark.parametrize("change", [{"step": "other"}, {"run_id": "r2"}])
def test_an_answer_for_something_else_changes_nothing(p, change):
    p.seed(claimed())
    invoke(p)
    before = p.dump()
    assert resume(p, **change) == [0]
    assert p.dump() == before


def test_an_answer_before_anybody_waits_changes_nothing(p):
    before = p.seed(claimed())
    assert resume(p) == [0]
    assert p.dump() == before


def test_it_waits_for_its_turn_when_the_limit_is_full(p):
    p.seed(claimed(**{"limits": {"f": "1 all\n"}}, **SCHEDULERS))
    assert p.enqueue(run("r2", "f")) == [0, 1]
    invoke(p)
    assert p.slots("all") == {"r2"}
    assert resume(p) == [1]
    state = p.dump()
    assert state["wait:f+:k"] == [("r1", 1)] and state["slots:all"] == {"r2"}


def test_it_may_invoke_again(p):
    p.seed(claimed())
    invoke(p)
    resume(p)
    (_, entry, _, _, _, steps), = p.claim("w1", 1, "f")
    assert steps == {"child": "5"}
    invoke(p, entry=entry, step="second")
    assert resume(p) == [0]
    assert resume(p, "second") == [1]


# ---- it takes too long ----

def test_after_the_timeout_there_is_an_error(p):
    p.seed(claimed())
    invoke(p, delay=5000)
    p.redis.zadd(p.key("timers"), {"r1": 1})
    before = p.dump()
    assert p.fire_timers() == [1, 1, -1]
    state = p.dump()
    error = state["steps:r1"].pop("error:child")
    assert json.loads(error) == {"name": "InvokeTimeout", "message": "function g took longer than the invocation waits"}
    assert state == after(before, {**went_on(before), "timers": GONE, "steps:r1": {}})
    assert resume(p) == [0]


# ---- the end of the one or the other ----

def test_what_the_child_returns_reaches_the_parent(p):
    """Both ends, with the scheduler's part between: it reads the events and calls."""
    p.seed(claimed(**SCHEDULERS, **{"ready:g": {"entries": [], "workers": {}}}))
    invoke(p)
    (sent,) = p.dump()["events"]
    p.enqueue(run("c1", sent["fn"], data=sent["data"], parent=[sent["parent"]]))
    (_, entry, *_), = p.claim("w2", 1, "g")
    p.commit("w2", outcome("finish", "g", entry, "c1", extras={"output": '"out"'}))
    answer = p.dump()["events"][-1]
    partition, run_id, step = answer["to"].split("\n")
    assert (partition, answer["name"]) == ("0", "inngest/function.finished")
    assert resume(p, step, "ok", answer["ok"], run_id=run_id) == [1]
    assert p.dump()["steps:r1"] == {"child": '"out"'}


def test_a_run_that_was_cancelled_while_it_waited_is_told_nothing(p):
    p.seed(claimed())
    invoke(p, delay=5000)
    assert p.call("cancel_run", "r1", "why") == [0]
    state = p.dump()
    assert "timers" not in state and state["run:r1"]["done"] == "1"
    assert resume(p) == [0]
    after_all = p.dump()
    assert after_all == state


def test_a_run_that_is_to_be_cancelled_does_not_invoke(p):
    p.seed(claimed())
    assert p.call("cancel_run", "r1", "why") == [1]
    assert p.commit("w1", invoke_outcome()) == [CANCELLED]
    assert [event["name"] for event in p.dump()["events"]] == ["inngest/function.cancelled"]


def test_a_full_redis_lets_all_of_it_pass(p):
    p.seed(claimed())
    p.redis.config_set("maxmemory", "1")
    invoke(p)
    assert resume(p, body="row") == [1]


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_is_invoked_and_sent_carries_the_trace_of_the_step(p):
    p.seed(claimed())
    extras = {"step": "child", "invoke": "g", "data": "{}", "trace": TRACE}
    assert p.commit("w1", outcome("park", "f", "1-0", "r1", delay=-1, extras=extras, events=[("a/b", "{}")])) == [APPLIED]
    sent = [fields for _, fields in p.redis.xrange(p.prefix + ":events")]
    assert [e["name"] for e in sent] == ["a/b", "inngest/function.invoked"]
    assert [e["traceparent"] for e in sent] == [TRACE, TRACE]
