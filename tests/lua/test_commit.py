import pytest
import redis

from partition import BEHIND, GONE, LAST_SERVED, NEWCOMER, NOW, after, now_plus, outcome

APPLIED, REPEATED, STALE, CONFLICT = 0, 1, 2, 3
OPS = ["next", "park", "finish", "return"]


def ready(entries=(("1-0", "r1"),), **workers):
    return {"entries": list(entries), "workers": workers}


def claimed(**more):
    """One run of f, held by w1, with a slot of each of two limits."""
    return {"limits": {"f": "5 own:$\n5 all\n"}, "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1"},
            "input:r1": "{}", "steps:r1": {"one": "1"}, "slots:own:k": {"r1"}, "slots:all": {"r1"},
            "ready:f": ready(w1=["1-0"]), **more}


def lines(body, *ended):
    """What a call adds to history: the bodies of all its outcomes, and the runs that ended."""
    return [{"kind": "lines", "run": " ".join(ended), "at": NOW, "body": body}]


def do(p, op, worker="w1", fn="f", entry="1-0", run="r1", **more):
    return p.commit(worker, outcome(op, fn, entry, run, **more))


FULL = {"fields": {"try": "1", "cost": "0.5"}, "results": {"two": "2", "cursor": "3"},
        "events": [("a/b", '{"x":1}'), ("c/d", "{}")], "body": "line"}
EVENTS = [{"name": "a/b", "data": '{"x":1}'}, {"name": "c/d", "data": "{}"}]


# ---- each op once ----

def test_next_stores_and_keeps_the_lease(p):
    before = p.seed(claimed())
    assert do(p, "next", **FULL) == [APPLIED]
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "try": "1", "cost": "0.5"},
        "steps:r1": {"one": "1", "two": "2", "cursor": "3"},
        "events": EVENTS, "history": lines("line")})


def test_park_gives_the_slots_back_until_the_delay_is_over(p):
    before = p.seed(claimed())
    assert do(p, "park", delay=5000, **FULL) == [APPLIED]
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "try": "1", "cost": "0.5", "last": "1-0", "entry": ""},
        "steps:r1": {"one": "1", "two": "2", "cursor": "3"},
        "ready:f": ready([], w1=[]), "slots:own:k": GONE, "slots:all": GONE, "timers": [("r1", now_plus(5000))],
        "events": EVENTS, "history": lines("line")})


def test_finish_ends_the_run_and_ignores_fields_and_results(p):
    before = p.seed(claimed())
    assert do(p, "finish", **FULL) == [APPLIED]
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "last": "1-0", "entry": "", "done": "1"},
        "ready:f": ready([], w1=[]), "slots:own:k": GONE, "slots:all": GONE,
        "events": EVENTS, "history": lines("line", "r1")})


def test_return_puts_the_entry_back_and_keeps_the_slots(p):
    before = p.seed(claimed())
    assert do(p, "return") == [APPLIED]
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "last": "1-0", "entry": "*"}, "ready:f": ready([("*", "r1")], w1=[])})


def test_an_outcome_without_anything_writes_nothing_but_its_move(p):
    before = p.seed(claimed())
    assert do(p, "next") == [APPLIED]
    assert p.dump() == before


def test_no_body_no_history(p):
    p.seed(claimed())
    do(p, "finish")
    assert "history" not in p.dump()


def test_a_negative_delay_is_due_at_once(p):
    p.seed(claimed())
    do(p, "park", delay=-50)
    assert p.dump()["timers"] == [("r1", now_plus(-50))]


# ---- the reply was lost ----

@pytest.mark.parametrize("op", OPS)
def test_repeated_is_told_and_changes_nothing(p, op):
    p.seed(claimed())
    assert do(p, op, delay=5000, **FULL) == [APPLIED]
    before = p.dump()
    before.pop("timers", None)
    assert do(p, op, delay=9000, **FULL) == [REPEATED]
    state = p.dump()
    assert [member for member, _ in state.pop("timers", [])] == (["r1"] if op == "park" else [])
    before["history"] = state["history"] = len(state["history"])
    assert state == before and state["history"] == 1


def test_a_finish_that_is_repeated_after_the_archive_took_the_run_is_stale_and_leaves_no_key(p):
    p.seed(claimed())
    do(p, "finish")
    for name in ("run:r1", "steps:r1", "input:r1"):
        p.redis.delete(p.key(name))
    before = p.dump()
    assert do(p, "finish") == [STALE]
    assert p.dump() == before


# ---- who owns it ----

@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("who", [{"worker": "w2"}, {"entry": "2-0"}, {"fn": "g"}, {"fn": "unknown"}])
def test_refused_without_the_lease(p, op, who):
    before = p.seed(claimed(**{"ready:g": ready([("1-0", "other")], w9=["1-0"])}))
    assert do(p, op, **FULL, **who) == [STALE]
    assert p.dump() == before


@pytest.mark.parametrize("op", OPS)
def test_refused_when_the_entry_was_not_delivered(p, op):
    before = p.seed(claimed(**{"ready:f": ready()}))
    assert do(p, op, **FULL) == [STALE]
    assert p.dump() == before


@pytest.mark.parametrize("op", OPS)
def test_refused_after_the_worker_was_reaped(p, op):
    p.seed(claimed())
    assert p.reap_worker("f", "w1") == [1, 0]
    before = p.dump()
    history_before = before.pop("history")
    assert do(p, op, **FULL) == [STALE]
    state = p.dump()
    assert len(state.pop("history")) == len(history_before)
    assert state == before


def test_refused_when_the_stream_is_gone(p):
    before = p.seed(after(claimed(), {"ready:f": GONE}))
    assert do(p, "finish", **FULL) == [STALE]
    assert p.dump() == before


def test_nothing_at_all_is_there(p):
    assert do(p, "finish", **FULL) == [STALE]
    assert p.dump() == {}


# ---- results are written once ----

@pytest.mark.parametrize("op", ["next", "park", "return"])
def test_another_result_under_the_name_is_a_conflict(p, op):
    before = p.seed(claimed())
    assert do(p, op, results={"one": "other"}, fields={"try": "3"}, events=[("a", "b")], body="x") == [CONFLICT]
    assert p.dump() == before


def test_the_same_result_is_a_repetition(p):
    before = p.seed(claimed())
    assert do(p, "next", results={"one": "1"}, fields={"try": "3"}, events=[("a", "b")], body="x") == [REPEATED]
    assert p.dump() == before


def test_finish_has_no_natural_key_but_its_lease(p):
    p.seed(claimed())
    assert do(p, "finish", results={"one": "other"}) == [APPLIED]
    assert p.dump()["steps:r1"] == {"one": "1"}


# ---- batches ----

def test_an_empty_batch(p):
    before = p.seed(claimed())
    assert p.commit("w1") == []
    assert p.dump() == before


def test_every_outcome_of_a_batch_stands_for_itself(p):
    entries = [(f"{n}-0", f"r{n}") for n in range(1, 8)]
    runs = {f"run:r{n}": {"fn": "f", "key": "k"} for n in range(1, 8)}
    before = p.seed({**runs, "limits": {"f": "9 all\n"}, "slots:all": {f"r{n}" for n in range(1, 8)},
                     "steps:r5": {"s": "1"}, "steps:r6": {"s": "1"},
                     "ready:f": ready(entries, w1=["1-0", "2-0", "3-0", "4-0", "5-0", "6-0"], w2=["7-0"])})
    reply = p.commit("w1", outcome("finish", "f", "1-0", "r1", body="1"),
                     outcome("next", "f", "2-0", "r2", results={"s": "9"}, body="2"),
                     outcome("park", "f", "3-0", "r3", delay=100, fields={"try": "1"}),
                     outcome("return", "f", "4-0", "r4"),
                     outcome("next", "f", "5-0", "r5", results={"s": "1"}, body="5"),
                     outcome("next", "f", "6-0", "r6", results={"s": "2"}, body="6"),
                     outcome("finish", "f", "7-0", "r7", body="7"),
                     outcome("finish", "f", "1-0", "r1", body="1"))
    assert reply == [APPLIED, APPLIED, APPLIED, APPLIED, REPEATED, CONFLICT, STALE, REPEATED]
    assert p.dump() == after(before, {
        "run:r1": {"fn": "f", "key": "k", "last": "1-0", "entry": "", "done": "1"},
        "run:r3": {"fn": "f", "key": "k", "last": "3-0", "entry": "", "try": "1"},
        "run:r4": {"fn": "f", "key": "k", "last": "4-0", "entry": "*"},
        "steps:r2": {"s": "9"}, "slots:all": {"r2", "r4", "r5", "r6", "r7"}, "timers": [("r3", now_plus(100))],
        "ready:f": ready([("2-0", "r2"), ("5-0", "r5"), ("6-0", "r6"), ("7-0", "r7"), ("*", "r4")],
                         w1=["2-0", "5-0", "6-0"], w2=["7-0"]),
        "history": lines("12", "r1")})


def test_several_steps_of_one_run_in_one_batch(p):
    p.seed(claimed())
    assert p.commit("w1", outcome("next", "f", "1-0", "r1", results={"a": "1"}),
                    outcome("next", "f", "1-0", "r1", results={"b": "2"}),
                    outcome("finish", "f", "1-0", "r1")) == [APPLIED] * 3
    assert p.dump()["steps:r1"] == {"one": "1", "a": "1", "b": "2"}


# ---- who is admitted when slots come back ----

def waiting(**more):
    return claimed(**{"limits": {"f": "1 own:$\n5 all\n"}, "run:r2": {"fn": "f", "key": "k"},
                      "wait:f:k": [("r2", 7)], "blocked:own:k": [("f:k", 4)], **more})


@pytest.mark.parametrize("op", ["finish", "park"])
def test_the_next_of_the_queue_gets_the_slot(p, op):
    before = p.seed(waiting())
    assert do(p, op, delay=1000) == [APPLIED]
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "last": "1-0", "entry": "", **({"done": "1"} if op == "finish" else {})},
        "run:r2": {**before["run:r2"], "entry": "*", "limits": before["limits"]["f"]},
        "slots:own:k": {"r2"}, "slots:all": {"r2"}, "ready:f": ready([("*", "r2")], w1=[]),
        "wait:f:k": GONE, "blocked:own:k": GONE,
        **({"timers": [("r1", now_plus(1000))]} if op == "park" else {})})


@pytest.mark.parametrize("op", ["next", "return"])
def test_a_run_that_goes_on_admits_nobody(p, op):
    before = p.seed(waiting())
    assert do(p, op) == [APPLIED]
    state = p.dump()
    assert state["slots:own:k"] == {"r1"}
    assert state["wait:f:k"] == before["wait:f:k"]


def test_behind_an_own_limit_the_queue_stands_a_turn_later(p):
    others = [("g:k", 20)]
    p.seed(waiting(**{"wait:f:k": [("r2", 7), ("r3", 8)], "blocked:own:k": [("f:k", 12), *others]}))
    do(p, "finish")
    state = p.dump()
    assert state["blocked:own:k"] == [("f:k", 13 + BEHIND), *others]
    assert "vt:own:k" not in state
    assert state["wait:f:k"] == [("r3", 8)]


def test_alone_behind_an_own_limit_the_queue_keeps_its_place(p):
    p.seed(waiting(**{"wait:f:k": [("r2", 7), ("r3", 8)], "blocked:own:k": [("f:k", 12)]}))
    do(p, "finish")
    assert p.dump()["blocked:own:k"] == [("f:k", 12)]


@pytest.mark.parametrize("weight, turn", [(None, 1), ("4", 0.25), ("0.5", 2)])
def test_behind_a_shared_limit_the_owner_has_had_its_turn(p, weight, turn):
    p.seed(claimed(**{"limits": {"f": "1 all\n"}, "wait:f:k": [("r2", 7), ("r3", 8)],
                      "blocked:all": [("f:k", 12)], "vt:all": [("gone", 11), ("k", 12)]}))
    if weight:
        p.seed({"controls": {"weight/k": weight}})
    do(p, "finish")
    state = p.dump()
    assert state["blocked:all"] == [("f:k", 12 + turn + BEHIND)]
    assert state["vt:all"] == [(LAST_SERVED, 12), ("k", 12 + turn)]
    assert state["wait:f:k"] == [("r3", 8)]


def test_runs_are_admitted_by_sequence(p):
    p.seed(waiting(**{"wait:f:k": [("r9", 3), ("r2", 7), ("r10", 1)]}))
    do(p, "finish")
    assert p.ready("f") == ["r10"]


def test_the_least_virtual_time_goes_first_then_the_name(p):
    p.seed(claimed(**{"limits": {"f": "1 all\n"}, "wait:f:a": [("a", 2)], "wait:f:b": [("b", 1)], "wait:f:c": [("c", 3)],
                      "blocked:all": [("f:a", 5), ("f:b", 5), ("f:c", 4)]}))
    order = []
    entry, run_id = "1-0", "r1"
    for _ in range(3):
        p.commit("w1", outcome("finish", "f", entry, run_id))
        (_, entry, run_id, _, _, _), = p.claim("w1", 5, "f")
        order.append(run_id)
    assert order == ["c", "a", "b"]


def test_a_queue_whose_other_limit_is_full_moves_behind_that_one(p):
    before = p.seed(waiting(**{"limits": {"f": "1 own:$\n1 all\n"}, "slots:all": {"r1", "x"}}))
    do(p, "finish")
    assert p.dump() == after(before, {
        "run:r1": {**before["run:r1"], "last": "1-0", "entry": "", "done": "1"}, "ready:f": ready([], w1=[]),
        "slots:own:k": GONE, "slots:all": {"x"}, "blocked:own:k": GONE, "blocked:all": [("f:k", NEWCOMER)]})


def test_a_queue_that_moves_does_not_stand_in_the_way_of_others(p):
    """all has room; a's own limit is full: b is next."""
    before = p.seed(claimed(**{"limits": {"f": "1 own:$\n2 all\n"}, "slots:all": {"r1", "a1"}, "slots:own:a": {"a1"},
                               "wait:f:a": [("a2", 1)], "wait:f:b": [("b1", 2)],
                               "blocked:all": [("f:a", 1), ("f:b", 2)]}))
    do(p, "finish")
    state = p.dump()
    assert state["ready:f"]["entries"] == [("*", "b1")]
    assert state["blocked:own:a"] == [("f:a", 0)]
    assert "blocked:all" not in state
    assert state["wait:f:a"] == before["wait:f:a"]


def test_all_limits_of_the_run_hand_out_their_room(p):
    """The slot of all goes to another function's queue when the own limit has nobody."""
    p.seed(claimed(**{"limits": {"f": "5 own:$\n1 all\n", "g": "1 all\n"}, "wait:g:z": [("g1", 1)],
                      "blocked:all": [("g:z", 0)]}))
    do(p, "finish")
    assert p.slots("all") == {"g1"}
    assert p.ready("g") == ["g1"]


def test_a_limit_that_was_lowered_admits_nobody_before_it_is_kept(p):
    p.seed(claimed(**{"limits": {"f": "1 all\n"}, "slots:all": {"r1", "x", "y"}, "wait:f:a": [("a", 1)],
                      "blocked:all": [("f:a", 0)]}))
    do(p, "finish")
    state = p.dump()
    assert state["slots:all"] == {"x", "y"}
    assert state["wait:f:a"] == [("a", 1)]


def test_a_limit_that_was_raised_fills_up_at_the_next_release(p):
    p.seed(claimed(**{"limits": {"f": "3 all\n"}, "wait:f:a": [(f"a{n}", n) for n in range(5)],
                      "blocked:all": [("f:a", 0)]}))
    do(p, "finish")
    assert p.slots("all") == {"a0", "a1", "a2"}
    assert p.dump()["wait:f:a"] == [("a3", 3), ("a4", 4)]


def test_a_batch_of_releases_hands_out_every_slot_once(p):
    runs = [f"r{n}" for n in range(1, 9)]
    entries = [(f"{n}-0", f"r{n}") for n in range(1, 9)]
    p.seed({"limits": {"f": "8 all\n"}, "slots:all": set(runs), **{f"run:{r}": {"fn": "f", "key": "k"} for r in runs},
            "ready:f": ready(entries, w1=[e for e, _ in entries]), "wait:f:k": [(f"n{n:02}", n) for n in range(20)],
            "blocked:all": [("f:k", 0)]})
    assert p.commit("w1", *[outcome("finish", "f", e, r) for e, r in entries]) == [APPLIED] * 8
    assert p.ready("f") == [f"n{n:02}" for n in range(8)]
    assert len(p.slots("all")) == 8


def test_what_the_budget_leaves_is_settled_by_the_timers(p):
    """One release lets a hundred queues go when the limit was raised; one call looks at 20 of them."""
    queues = [f"k{n:03}" for n in range(100)]
    p.seed(claimed(**{"limits": {"f": "200 all\n"}, "blocked:all": [(f"f:{k}", 0) for k in queues],
                      **{f"wait:f:{k}": [(f"r-{k}", 5)] for k in queues}}))
    do(p, "finish")
    state = p.dump()
    assert state["unsettled"] == {"all"}
    assert len(state["slots:all"]) == len(state["ready:f"]["entries"]) == 20
    assert len(state["blocked:all"]) == 80
    assert p.fire_timers() == [0, 80, -1]
    state = p.dump()
    assert "unsettled" not in state and "blocked:all" not in state and "vt:all" not in state
    assert len(state["slots:all"]) == len(state["ready:f"]["entries"]) == 100


def test_a_queue_that_stands_there_without_runs_is_taken_away(p):
    p.seed(claimed(**{"limits": {"f": "1 all\n"}, "blocked:all": [("f:empty", 0), ("f:a", 1)], "wait:f:a": [("a", 1)]}))
    do(p, "finish")
    state = p.dump()
    assert state["slots:all"] == {"a"} and "blocked:all" not in state


def test_a_run_without_limits_releases_nothing(p):
    before = p.seed(claimed(**{"limits": {"g": "1 all\n"}, "blocked:all": [("g:k", 0)], "wait:g:k": [("g1", 1)]}))
    do(p, "finish")
    state = p.dump()
    assert state["slots:all"] == before["slots:all"] and state["wait:g:k"] == [("g1", 1)]


def test_a_run_without_its_slot_does_not_make_room(p):
    """Admitted before the function had limits: its end gives nothing away that it did not hold."""
    before = p.seed(waiting(**{"slots:own:k": {"x"}, "slots:all": {"x"}}))
    do(p, "finish")
    state = p.dump()
    assert state["wait:f:k"] == before["wait:f:k"]
    assert state["slots:own:k"] == {"x"}


# ---- what else may be the case ----

def test_bytes_pass_unchanged(p):
    data = "".join(chr(c) for c in range(128)) + "\udc80\udcff"
    p.seed(claimed())
    do(p, "next", fields={data: data}, results={data: data}, events=[(data, data)], body=data)
    state = p.dump()
    assert state["run:r1"][data] == data
    assert state["steps:r1"][data] == data
    assert state["events"] == [{"name": data, "data": data}]
    assert state["history"] == lines(data)


def test_a_thousand_results_in_one_outcome(p):
    p.seed(claimed())
    results = {f"s{n}": str(n) for n in range(1000)}
    assert do(p, "next", results=results) == [APPLIED]
    assert p.dump()["steps:r1"] == {"one": "1", **results}


def test_a_batch_of_64_large_outcomes(p):
    entries = [(f"{n}-0", f"r{n}") for n in range(1, 65)]
    p.seed({"ready:f": ready(entries, w1=[e for e, _ in entries]), **{f"run:{r}": {"fn": "f"} for _, r in entries}})
    body = "x" * 100000
    assert p.commit("w1", *[outcome("next", "f", e, r, results={"s": body}, body=body) for e, r in entries]) == [0] * 64


@pytest.mark.parametrize("op", OPS)
def test_a_full_redis_lets_it_pass(p, op):
    p.seed(waiting())
    p.redis.config_set("maxmemory", "1")
    assert do(p, op, **FULL) == [APPLIED]
    assert do(p, op, **FULL) == [REPEATED]


@pytest.mark.parametrize("op, key", [("next", "run:r1"), ("next", "steps:r1"), ("finish", "run:r1"),
                                     ("finish", "limits"), ("park", "limits")])
def test_a_key_of_the_wrong_type_stops_it_before_it_writes(p, op, key):
    before = p.seed(after(claimed(), {key: "text"}))
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        do(p, op, **FULL)
    assert p.dump() == before


def test_a_stream_of_the_wrong_type_gives_nobody_a_lease(p):
    p.seed(after(claimed(), {"ready:f": GONE}))
    p.redis.set(p.key("ready:f"), "text")
    assert do(p, "finish", **FULL) == [STALE]
    assert p.redis.get(p.key("ready:f")) == "text"
    assert p.slots("all") == {"r1"}


@pytest.mark.parametrize("bad, key", [("finish", "slots:bad"), ("next", "steps:r2"), ("park", "timers"), ("finish", "run:r2")])
def test_one_that_fails_leaves_the_others_whole(p, bad, key):
    """The worker sends them again one by one; nothing of the others may be there twice, or not at all."""
    entries = [(f"{n}-0", f"r{n}") for n in range(1, 4)]
    p.seed(after({**{f"run:r{n}": {"fn": "f", "key": "k", "limits": f"9 all\n9 {'bad' if n == 2 else 'good'}\n"}
                     for n in range(1, 4)},
                  "slots:all": {"r1", "r2", "r3"}, "ready:f": ready(entries, w1=[e for e, _ in entries])}, {key: GONE}))
    p.redis.set(p.key(key), "text")
    outcomes = [outcome("finish", "f", "1-0", "r1", events=[("failed", "{}")], body="one\n"),
                outcome(bad, "f", "2-0", "r2", delay=5, results={} if bad == "park" else {"s": "1"}, body="two\n"),
                outcome("next", "f", "3-0", "r3", results={"s": "1"}, events=[("done", "{}")], extras={"cost": 5}, body="three\n")]
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.commit("w1", *outcomes)
    assert [p.commit("w1", outcomes[n]) for n in (0, 2)] == [[REPEATED], [REPEATED]]
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.commit("w1", outcomes[1])
    p.redis.delete(p.key(key))
    state = p.dump()
    assert [(h["kind"], h["run"], h["body"]) for h in state["history"]] == [("lines", "r1", "one\nthree\n")]
    assert state["events"] == [{"name": "failed", "data": "{}"}, {"name": "done", "data": "{}"}]
    assert list(state["spent:k"].values()) == ["5"]
    assert state["run:r1"]["done"] == "1" and state["slots:all"] >= {"r3"} and "r1" not in state["slots:all"]
    assert state["ready:f"] == ready(entries[1:], w1=["2-0", "3-0"])
