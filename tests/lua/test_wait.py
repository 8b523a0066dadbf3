"""A run waits for an event: it is parked, its listener is found by the event, and the event is the step's result."""

import json

import pytest

from partition import GONE, NOW, after, now_plus, outcome, run

APPLIED, REPEATED = 0, 1
SCHEDULERS = {"schedulers": {"s1": "1"}}


def claimed(*ids, **more):
    """Runs of f that w1 holds, each with a slot."""
    state = {"limits": {"f": "9 all\n"}, "slots:all": set(ids),
             "ready:f": {"entries": [(f"{n}-0", r) for n, r in enumerate(ids, 1)],
                         "workers": {"w1": [f"{n}-0" for n, _ in enumerate(ids, 1)]}}}
    for n, r in enumerate(ids, 1):
        state[f"run:{r}"] = {"fn": "f", "key": "k", "seq": str(n), "at": "777", "st": "1", "limits": "9 all\n",
                             "entry": f"{n}-0"}
        state[f"input:{r}"] = "{}"
    return {**state, **more}


def wait_for(event="a/b", path="", value="", back=0, own="e1", expression="", step="got", delay=-1, run_id="r1", entry="1-0"):
    return outcome("park", "f", entry, run_id, delay=delay,
                   extras={"step": step, "wait": [event, path, value, back, own, expression]})


def wait(p, **more):
    assert p.commit("w1", wait_for(**more)) == [APPLIED]


def find(p, event="a/b", path="", value="", start="", most=100):
    """Where the next page begins, and [(listener, own event, expression, step), …]"""
    next_page, *words = p.call("find_listeners", event, path, value, start, most)
    return next_page, [tuple(words[i:i + 4]) for i in range(0, len(words), 4)]


def hear(p, *matches):
    """Matches are (listener, step) and, unless told, the event's JSON and rows for the archive."""
    words = []
    for listener, step, *more in matches:
        data, body = (*more, *('{"e":1}', "")[len(more):])
        words += [listener, "a/b", step, data, body]
    return p.call("hear_event", len(matches), *words)


def listening(state):
    return {name: value for name, value in state.items() if name.startswith(("hear", "listener", "lookbacks"))}


WAITS = {"listener:r1": {"w": "a/b\n\n\n0\ne1\n"}, "heard:a/b": {"": "1"}, "hear:a/b\n\n": [("r1/w", 0)]}


# ---- it begins to wait ----

def test_it_is_parked_and_files_a_listener(p):
    before = p.seed(claimed("r1"))
    wait(p)
    assert p.dump() == after(before, {
        **WAITS, "run:r1": {**before["run:r1"], "entry": "", "last": "1-0", "wait": "got"}, "slots:all": GONE,
        "ready:f": {"entries": [], "workers": {"w1": []}}})


def test_it_is_filed_by_the_value_that_it_asks_for(p):
    p.seed(claimed("r1"))
    wait(p, path="data.id", value="7", expression="async.data.id == 7\n&& true")
    assert listening(p.dump()) == {
        "listener:r1": {"w": "a/b\ndata.id\n7\n0\ne1\nasync.data.id == 7\n&& true"},
        "heard:a/b": {"data.id": "1"}, "hear:a/b\ndata.id\n7": [("r1/w", 0)]}


def test_a_timeout_is_a_timer(p):
    p.seed(claimed("r1"))
    wait(p, delay=5000)
    assert p.dump()["timers"] == [("r1", now_plus(5000))]


def test_a_repeated_call_is_told_and_files_nothing(p):
    p.seed(claimed("r1"))
    wait(p)
    before = p.dump()
    assert p.commit("w1", wait_for()) == [REPEATED]
    assert p.dump() == before


def test_others_are_admitted_meanwhile(p):
    p.seed(claimed("r1", **{"limits": {"f": "1 all\n"}}, **SCHEDULERS))
    assert p.enqueue(run("r2", "f")) == [0, 1]
    wait(p)
    assert p.slots("all") == {"r2"}


@pytest.mark.parametrize("text", ["%s", ":", "a:b", "é ☃", "x" * 500, "\udcff\x00"])
def test_any_event_and_value(p, text):
    p.seed(claimed("r1"))
    wait(p, event=text, path="data." + text, value=text, own=text, expression=text + "\n\n" + text, step=text)
    assert p.call("heard_paths", text) == [["data." + text]]
    assert find(p, text, "data." + text, text) == ("", [("r1/w", text, text + "\n\n" + text, text)])
    assert hear(p, ("r1/w", text, text)) == [1]
    state = p.dump()
    assert state["steps:r1"] == {text: text} and listening(state) == {}


# ---- the event comes ----

def test_the_event_is_the_result_and_the_run_goes_on(p):
    p.seed(claimed("r1"))
    wait(p, delay=5000)
    before = p.dump()
    assert hear(p, ("r1/w", "got", '{"e":1}', "row\n")) == [1]
    hash_after = {**before["run:r1"], "entry": "*"}
    del hash_after["wait"]
    assert p.dump() == after(before, {
        "run:r1": hash_after, "steps:r1": {"got": '{"e":1}'}, "timers": GONE, "slots:all": {"r1"},
        "ready:f": {"entries": [("*", "r1")], "workers": {"w1": []}},
        "history": [{"kind": "lines", "run": "", "at": NOW, "body": "row\n"}], **{name: GONE for name in WAITS}})
    (_, _, _, _, _, steps), = p.claim("w1", 1, "f")
    assert steps == {"got": '{"e":1}'}


def test_without_rows_there_is_no_history(p):
    p.seed(claimed("r1"))
    wait(p)
    hear(p, ("r1/w", "got"))
    assert "history" not in p.dump()


def test_a_repeated_call_finds_no_listener(p):
    p.seed(claimed("r1"))
    wait(p)
    hear(p, ("r1/w", "got"))
    before = p.dump()
    assert hear(p, ("r1/w", "got", "other", "row")) == [0]
    assert p.dump() == before


def test_it_waits_for_its_turn_when_the_limit_is_full(p):
    """Among those that have begun, in its old place."""
    p.seed(claimed("r1", **{"limits": {"f": "1 all\n"}}, **SCHEDULERS))
    p.enqueue(run("r2", "f"))
    wait(p)
    assert hear(p, ("r1/w", "got")) == [1]
    state = p.dump()
    assert state["wait:f+:k"] == [("r1", 1)] and state["steps:r1"] == {"got": '{"e":1}'}


def test_several_listeners_hear_in_one_call(p):
    p.seed(claimed("r1", "r2", "r3"))
    for n in (1, 2, 3):
        wait(p, run_id=f"r{n}", entry=f"{n}-0")
    assert find(p)[1] == [("r1/w", "e1", "", "got"), ("r2/w", "e1", "", "got"), ("r3/w", "e1", "", "got")]
    assert hear(p, ("r1/w", "got"), ("gone/w", "got"), ("r3/w", "got"), ("r1/w", "got")) == [1, 0, 1, 0]
    assert p.ready("f") == ["r1", "r3"]
    assert find(p)[1] == [("r2/w", "e1", "", "got")]
    assert listening(p.dump()) == {"listener:r2": {"w": "a/b\n\n\n0\ne1\n"}, "heard:a/b": {"": "1"},
                                   "hear:a/b\n\n": [("r2/w", 0)]}


def test_a_run_that_waits_for_something_else_by_now_does_not_get_the_event(p):
    """It was found while it waited for the step before."""
    p.seed(claimed("r1"))
    wait(p, step="second")
    before = p.dump()
    assert hear(p, ("r1/w", "first")) == [0]
    assert p.dump() == before


def test_a_result_that_is_there_already_is_kept(p):
    p.seed(claimed("r1", **{"steps:r1": {"got": "old"}}))
    wait(p)
    assert hear(p, ("r1/w", "got")) == [1]
    assert p.dump()["steps:r1"] == {"got": "old"}


def test_it_may_wait_again(p):
    p.seed(claimed("r1"))
    wait(p)
    hear(p, ("r1/w", "got"))
    (_, entry, *_), = p.claim("w1", 1, "f")
    wait(p, entry=entry, event="c/d", step="more")
    assert listening(p.dump()) == {"listener:r1": {"w": "c/d\n\n\n0\ne1\n"}, "heard:c/d": {"": "1"},
                                   "hear:c/d\n\n": [("r1/w", 0)]}


# ---- it waits in vain ----

def test_after_the_timeout_the_result_is_null(p):
    p.seed(claimed("r1"))
    wait(p, delay=5000)
    p.redis.zadd(p.key("timers"), {"r1": 1})
    before = p.dump()
    assert p.fire_timers() == [1, 1, -1]
    hash_after = {**before["run:r1"], "entry": "*"}
    del hash_after["wait"]
    assert p.dump() == after(before, {
        "run:r1": hash_after, "steps:r1": {"got": "null"}, "timers": GONE, "slots:all": {"r1"},
        "ready:f": {"entries": [("*", "r1")], "workers": {"w1": []}},
        "history": [{"kind": "waited", "run": "r1", "at": NOW, "body": "got"}], **{name: GONE for name in WAITS}})
    assert hear(p, ("r1/w", "got")) == [0]


# ---- who listens is found ----

def test_paths_are_told_for_each_event(p):
    p.seed(claimed("r1", "r2", "r3"))
    wait(p, path="data.id", value="7")
    wait(p, path="data.id", value="8", run_id="r2", entry="2-0")
    wait(p, run_id="r3", entry="3-0")
    paths, none = p.call("heard_paths", "a/b", "c/d")
    assert (sorted(paths), none) == (["", "data.id"], [])
    assert find(p, "a/b", "data.id", "8") == ("", [("r2/w", "e1", "", "got")])
    assert find(p, "a/b", "data.id", "9") == ("", [])


def test_pages(p):
    ids = [f"r{n:02}" for n in range(10)]
    p.seed({**claimed(*ids)})
    for n, r in enumerate(ids, 1):
        wait(p, run_id=r, entry=f"{n}-0")
    before, seen, start = p.dump(), [], ""
    for size in (4, 4, 2):
        start, found = find(p, start=start, most=4)
        assert len(found) == size
        seen += [listener for listener, *_ in found]
    assert (start, seen) == ("", [r + "/w" for r in ids])
    assert p.dump() == before


def test_what_was_found_may_leave_between_pages(p):
    ids = [f"r{n}" for n in range(1, 7)]
    p.seed(claimed(*ids))
    for n, r in enumerate(ids, 1):
        wait(p, run_id=r, entry=f"{n}-0")
    start, found = find(p, most=3)
    hear(p, *[(listener, "got") for listener, *_ in found])
    assert [listener for listener, *_ in find(p, start=start, most=3)[1]] == ["r4/w", "r5/w", "r6/w"]


@pytest.mark.parametrize("offset, there", [(-1, False), (60000, True)])
def test_a_listener_whose_time_is_over_is_removed(p, offset, there):
    until = p.now_ms() + offset
    p.seed({"listener:r1": {"c1": f"a/b\n\n\n{until}\ne1\n", "c2": "a/b\n\n\n0\ne1\nx"}, "heard:a/b": {"": "2"},
            "hear:a/b\n\n": [("r1/c1", 0), ("r1/c2", 0)]})
    expected = [("r1/c1", "e1", "", "")] * there + [("r1/c2", "e1", "x", "")]
    assert find(p) == ("", expected)
    state = p.dump()
    assert (state["heard:a/b"], len(state["hear:a/b\n\n"]), len(state["listener:r1"])) == (
        {"": str(1 + there)}, 1 + there, 1 + there)


def test_a_page_of_listeners_whose_time_is_over_goes_on(p):
    names = [f"c{n:02}" for n in range(10)]
    p.seed({"listener:r1": {name: f"a/b\n\n\n{5 if n < 9 else 0}\ne1\n" for n, name in enumerate(names)},
            "heard:a/b": {"": "10"}, "hear:a/b\n\n": [("r1/" + name, 0) for name in names]})
    start, found, pages = "", [], 0
    while pages == 0 or start:
        start, some = find(p, start=start, most=3)
        found += some
        pages += 1
    assert [listener for listener, *_ in found] == ["r1/c09"]
    assert p.dump()["heard:a/b"] == {"": "1"}


# ---- an event cancels a run ----

def test_an_event_cancels_a_run(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.enqueue(run("r1", "f", listen=[["a/b", "", "", 0, "e1", ""]]), run("r2", "f"))
    before = p.dump()
    assert hear(p, ("r1/c1", "")) == [1]
    state = p.dump()
    (event,) = state["events"]
    assert json.loads(event["data"]) == {"function_id": "chronos-f", "run_id": "r1", "reason": "cancelled by the event a/b",
                                         "event": {}}
    assert state == after(before, {
        **{name: GONE for name in listening(before)}, "run:r1": {**before["run:r1"], "entry": "", "done": "1"},
        "run:r2": {**before["run:r2"], "entry": "*", "limits": "1 all\n"}, "slots:all": {"r2"},
        "ready:f": {"entries": [("*", "r2")]}, "wait:f:k": GONE, "blocked:all": GONE, "vt:all": GONE,
        "history": [{"kind": "cancelled", "run": "r1", "at": NOW, "body": "cancelled by the event a/b"}],
        "events": [{"name": "inngest/function.cancelled", "data": event["data"]}]})
    assert hear(p, ("r1/c1", "")) == [0]


def test_an_event_may_cancel_a_run_that_waits_for_the_same(p):
    """Whichever comes first in the call decides."""
    for first, second, answers in (("w", "c1", [1, 1]), ("c1", "w", [1, 0])):
        p.redis.flushall()
        p.seed(claimed("r1"))
        p.redis.hset(p.key("run:r1"), "ends", "listens\n")
        p.seed({"listener:r1": {"c1": "a/b\n\n\n0\ne1\n"}, "heard:a/b": {"": "1"}, "hear:a/b\n\n": [("r1/c1", 0)]})
        wait(p)
        steps = {"w": "got", "c1": ""}
        assert hear(p, *[("r1/" + slot, steps[slot]) for slot in (first, second)]) == answers
        state = p.dump()
        assert state["run:r1"]["done"] == "1" and listening(state) == {} and "slots:all" not in state


def test_an_event_marks_a_run_that_a_worker_holds(p):
    p.seed(claimed("r1"))
    p.redis.hset(p.key("run:r1"), "ends", "listens\n")
    p.seed({"listener:r1": {"c1": "a/b\n\n\n0\ne1\n"}, "heard:a/b": {"": "1"}, "hear:a/b\n\n": [("r1/c1", 0)]})
    assert hear(p, ("r1/c1", "")) == [1]
    assert p.dump()["run:r1"]["cancel"] == "cancelled by the event a/b"
    assert p.commit("w1", wait_for()) == [4]
    state = p.dump()
    assert state["run:r1"]["done"] == "1" and listening(state) == {}


def test_who_is_cancelled_while_it_waits_listens_no_more(p):
    p.seed(claimed("r1"))
    wait(p, delay=5000, back=1)
    assert p.call("cancel_run", "r1", "why") == [0]
    state = p.dump()
    assert listening(state) == {} and "timers" not in state
    assert hear(p, ("r1/w", "got")) == [0]


# ---- listeners of runs that are not there ----

@pytest.mark.parametrize("hash_", [GONE, {"fn": "f", "key": "k", "done": "1"}])
@pytest.mark.parametrize("slot, step", [("w", "got"), ("c1", "")])
def test_a_listener_of_a_run_that_has_ended_is_removed(p, slot, step, hash_):
    """Its run was deleted by hand, so that nothing else would ever take it away."""
    record = "a/b\n\n\n0\ne1\n"
    before = p.seed(after({"listener:r1": {slot: record}, "heard:a/b": {"": "1"}, "hear:a/b\n\n": [(f"r1/{slot}", 0)]},
                          {"run:r1": hash_} if hash_ is not GONE else {}))
    assert hear(p, (f"r1/{slot}", step)) == [0]
    assert p.dump() == after(before, {name: GONE for name in listening(before)})


def test_a_name_without_a_record_is_taken_off_the_list(p):
    before = p.seed({"heard:a/b": {"": "2"}, "hear:a/b\n\n": [("gone/w", 0), ("r1/w", 0)],
                     "listener:r1": {"w": "a/b\n\n\n0\ne1\n"}, "run:r1": {"fn": "f", "wait": "s"}})
    assert find(p) == ("", [("r1/w", "e1", "", "s")])
    assert p.dump() == after(before, {"heard:a/b": {"": "1"}, "hear:a/b\n\n": [("r1/w", 0)]})


@pytest.mark.parametrize("record", ["", "x", "a/b\n\n\n", "a/b\n\n\nlater\ne1\n"])
def test_a_bad_record_keeps_nobody_else_from_hearing(p, record):
    p.seed({"heard:a/b": {"": "2"}, "hear:a/b\n\n": [("r0/w", 0), ("r1/w", 0)], "run:r0": {"fn": "f", "wait": "s"},
            "listener:r0": {"w": record}, "listener:r1": {"w": "a/b\n\n\n0\ne1\n"}, "run:r1": {"fn": "f", "wait": "s"},
            "lookbacks": {"r0/w"}})
    assert find(p) == ("", [("r1/w", "e1", "", "s")])
    state = p.dump()
    assert state["hear:a/b\n\n"] == [("r1/w", 0)]
    assert p.call("take_lookbacks", 10) == []
    assert p.call("cancel_run", "r0", "why") == [0]


# ---- earlier events may be what it waits for ----

def test_it_may_ask_for_earlier_events(p):
    p.seed(claimed("r1"))
    wait(p, back=1, expression="x\ny")
    assert p.dump()["lookbacks"] == {"r1/w"}
    assert p.fire_timers() == [0, 0, -1]
    expected = ["r1/w", "a/b", "e1", "x\ny", "777", "got"]
    assert p.call("take_lookbacks", 10) == expected
    assert p.call("take_lookbacks", 10) == expected
    assert p.call("drop_lookback", "r1/w") == [1]
    assert p.call("drop_lookback", "r1/w") == [0]
    assert p.call("take_lookbacks", 10) == []
    assert p.fire_timers() == [0, 0, -1]
    assert listening(p.dump()) == {"listener:r1": {"w": "a/b\n\n\n0\ne1\nx\ny"}, "heard:a/b": {"": "1"},
                                   "hear:a/b\n\n": [("r1/w", 0)]}


def test_no_more_lookbacks_than_asked_for(p):
    ids = [f"r{n}" for n in range(1, 8)]
    p.seed(claimed(*ids))
    for n, r in enumerate(ids, 1):
        wait(p, run_id=r, entry=f"{n}-0", back=1)
    assert len(p.call("take_lookbacks", 3)) == 3 * 6
    assert len(p.call("take_lookbacks", 100)) == 7 * 6
    assert p.call("drop_lookback", *[r + "/w" for r in ids[:5]], "gone/w") == [5]


def test_a_name_that_is_none_keeps_nobody_else_from_looking_back(p):
    p.seed(claimed("r1"))
    wait(p, back=1)
    p.seed({"lookbacks": {"no slot", "gone/w"}, "hear:a/b\n\n": [("no slot", 0)]})
    assert p.call("take_lookbacks", 10)[0::6] == ["r1/w"]
    assert find(p)[1] == [("r1/w", "e1", "", "got")]
    state = p.dump()
    assert state["lookbacks"] == {"r1/w"} and state["hear:a/b\n\n"] == [("r1/w", 0)]


@pytest.mark.parametrize("how", ["heard", "timed out", "cancelled"])
def test_a_lookback_ends_with_the_waiting(p, how):
    p.seed(claimed("r1"))
    wait(p, back=1, delay=5000)
    if how == "heard":
        hear(p, ("r1/w", "got"))
    elif how == "timed out":
        p.redis.zadd(p.key("timers"), {"r1": 1})
        p.fire_timers()
    else:
        p.call("cancel_run", "r1", "why")
    assert p.call("take_lookbacks", 10) == []
    assert "lookbacks" not in p.dump()


# ---- Redis is full ----

def test_a_full_redis_lets_all_of_it_pass(p):
    p.seed(claimed("r1"))
    p.redis.config_set("maxmemory", "1")
    wait(p, back=1)
    assert p.call("heard_paths", "a/b") == [[""]]
    assert find(p) == ("", [("r1/w", "e1", "", "got")])
    assert len(p.call("take_lookbacks", 1)) == 6
    assert p.call("drop_lookback", "r1/w") == [1]
    assert hear(p, ("r1/w", "got", "1", "row")) == [1]
