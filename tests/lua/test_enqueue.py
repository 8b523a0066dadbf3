import pytest
import redis

from partition import GONE, LAST_SERVED, NEWCOMER, NOW, after, now_plus, run

SCHEDULERS = {"schedulers": {"s1": "1"}}


def run_hash(fn="f", key="k", seq=1, at=1000, **more):
    return {"fn": fn, "key": key, "seq": str(seq), "at": str(at), **more}


def admitted_hash(*args, **more):
    return run_hash(*args, entry="*", **more)


def entries(*runs, **workers):
    """A ready stream that the script wrote to; without workers nobody has made the group yet."""
    return {"entries": [("*", r) for r in runs], **workers}


def test_a_function_without_limits_is_admitted(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", data='{"a":1}')) == [0, 0]
    assert p.dump() == after(before, {"seq": "1", "run:r1": admitted_hash(), "input:r1": '{"a":1}', "ready:f": entries("r1")})


def test_an_admitted_run_takes_a_slot_of_every_limit(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "2 fn/f:$\n9 creator:$\n7 all\n"}})
    assert p.enqueue(run("r1", "f", "ada")) == [0, 0]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": admitted_hash(key="ada", limits=before["limits"]["f"]), "input:r1": "{}",
        "ready:f": entries("r1"),
        "slots:fn/f:ada": {"r1"}, "slots:creator:ada": {"r1"}, "slots:all": {"r1"}})


def test_a_run_beyond_the_limit_waits_and_holds_nothing(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "9 creator:$\n1 all\n"}, "slots:all": {"r0"}})
    assert p.enqueue(run("r1", "f")) == [0, 1]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": run_hash(), "input:r1": "{}", "wait:f:k": [("r1", 1)], "blocked:all": [("f:k", NEWCOMER)]})


def test_of_several_full_limits_the_first_blocks(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 a\n1 b\n1 c\n"}, "slots:b": {"r0"}, "slots:c": {"r0"}})
    p.enqueue(run("r1", "f"))
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": run_hash(), "input:r1": "{}", "wait:f:k": [("r1", 1)], "blocked:b": [("f:k", NEWCOMER)]})


def test_a_run_stands_behind_those_of_its_queue_even_when_there_is_room(p):
    """Room that is not handed out yet (unsettled) belongs to who came first."""
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "seq": "5", "wait:f:k": [("r1", 1)],
                     "blocked:all": [("f:k", 3)], "unsettled": {"all"}})
    assert p.enqueue(run("r2", "f")) == [0, 1]
    assert p.dump() == after(before, {
        "seq": "6", "run:r2": run_hash(seq=6), "input:r2": "{}", "wait:f:k": [("r1", 1), ("r2", 6)]})


def test_a_future_run_is_parked_and_takes_no_slot(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    due = p.now_ms() + 60000
    assert p.enqueue(run("r1", "f", due=due)) == [0, 2]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": run_hash(), "input:r1": "{}", "timers": [("r1", due)]})


@pytest.mark.parametrize("due", [0, 1, -5])
def test_a_due_time_in_the_past_is_now(p, due):
    p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f", due=due)) == [0, 0]
    assert p.ready("f") == ["r1"]


def test_a_repeated_call_starts_nothing(p):
    """The reply was lost, or the event was delivered again."""
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    runs = [run("r1", "f"), run("r2", "f"), run("r3", "f", due=p.now_ms() + 60000)]
    assert p.enqueue(*runs) == [0, 0, 1, 2]
    before = p.dump()
    assert p.enqueue(*runs) == [0, 3, 3, 3]
    assert p.dump() == after(before, {"seq": "6"})


def test_a_run_that_ended_is_not_started_again(p):
    before = p.seed({**SCHEDULERS, "run:r1": run_hash(done="1")})
    assert p.enqueue(run("r1", "f")) == [0, 3]
    assert p.dump() == after(before, {"seq": "1"})


def test_a_run_that_is_twice_in_a_batch_starts_once(p):
    p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f"), run("r1", "f")) == [0, 0, 3]
    assert p.ready("f") == ["r1"]


def test_a_batch_has_an_outcome_for_each(p):
    due = p.now_ms() + 60000
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 fn/f:$\n", "g": "1 all\n"}, "run:old": run_hash()})
    reply = p.enqueue(run("a1", "f", "a"), run("a2", "f", "a"), run("b1", "f", "b"), run("old", "f"),
                      run("later", "f", due=due), run("g1", "g"), run("g2", "g", "z"), run("free", "h"))
    assert reply == [0, 0, 1, 0, 3, 2, 0, 1, 0]
    assert p.dump() == after(before, {
        "seq": "8",
        "run:a1": admitted_hash(key="a", seq=1, limits="1 fn/f:$\n"), "run:a2": run_hash(key="a", seq=2),
        "run:b1": admitted_hash(key="b", seq=3, limits="1 fn/f:$\n"), "run:later": run_hash(seq=5),
        "run:g1": admitted_hash("g", seq=6, limits="1 all\n"), "run:g2": run_hash("g", "z", seq=7),
        "run:free": admitted_hash("h", seq=8),
        **{f"input:{r}": "{}" for r in ("a1", "a2", "b1", "later", "g1", "g2", "free")},
        "ready:f": entries("a1", "b1"), "ready:g": entries("g1"), "ready:h": entries("free"),
        "slots:fn/f:a": {"a1"}, "slots:fn/f:b": {"b1"}, "slots:all": {"g1"},
        "wait:f:a": [("a2", 2)], "blocked:fn/f:a": [("f:a", 0)],
        "wait:g:z": [("g2", 7)], "blocked:all": [("g:z", NEWCOMER)],
        "timers": [("later", due)]})


def test_an_empty_batch_does_nothing(p):
    before = p.seed({**SCHEDULERS, "seq": "4"})
    assert p.enqueue() == [0]
    assert p.dump() == before


def test_a_fenced_scheduler_starts_nothing(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(run("r1", "f"), scheduler="dead") == [1]
    assert p.dump() == before


def test_without_any_scheduler_all_are_fenced(p):
    assert p.enqueue(run("r1", "f")) == [1]
    assert p.dump() == {}


def test_functions_share_a_limit_by_its_name(p):
    p.seed({**SCHEDULERS, "limits": {"f": "2 creator:$\n", "g": "2 creator:$\n"}})
    assert p.enqueue(run("r1", "f"), run("r2", "g"), run("r3", "f"), run("r4", "g", "other")) == [0, 0, 0, 1, 0]
    assert p.slots("creator:k") == {"r1", "r2"}


def test_a_limit_that_was_lowered_admits_nobody_until_it_is_kept(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "2 all\n"}, "slots:all": {"a", "b", "c"}})
    assert p.enqueue(run("r1", "f")) == [0, 1]
    assert p.dump()["slots:all"] == before["slots:all"]


def test_a_queue_that_begins_to_wait_stands_beside_the_one_that_was_served_last(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"},
            "vt:all": [("old", 12), (LAST_SERVED, 41), ("served", 42)], "blocked:all": [("f:x", 42.5)],
            "wait:f:x": [("x", 0)]})
    p.enqueue(run("r1", "f", "fresh"), run("r2", "f", "old"), run("r3", "f", "served"))
    assert p.dump()["blocked:all"] == [
        ("f:fresh", 41 + NEWCOMER), ("f:old", 41 + NEWCOMER), ("f:served", 42), ("f:x", 42.5)]


def test_behind_an_own_limit_a_queue_stands_just_behind_the_first(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 own:$\n", "g": "1 own:$\n"}, "slots:own:k": {"r0"}})
    p.enqueue(run("r1", "f"), run("r2", "g"))
    assert p.dump()["blocked:own:k"] == [("f:k", 0), ("g:k", NEWCOMER)]


def test_a_run_that_has_begun_waits_in_a_queue_of_its_own(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 own:$\n"}, "slots:own:k": {"r0"}})
    assert p.enqueue(run("r1", "f"), run("r2", "f", begun=1)) == [0, 1, 1]
    assert p.dump() == after(before, {
        "seq": "2", "run:r1": run_hash(), "run:r2": run_hash(seq=2, begun="1"), "input:r1": "{}", "input:r2": "{}",
        "wait:f:k": [("r1", 1)], "wait:f+:k": [("r2", 2)], "blocked:own:k": [("f:k", 0), ("f+:k", NEWCOMER)]})


@pytest.mark.parametrize("key", ["", "a:b", ":", "$", "%d", "é ☃", "x" * 2000, "\udcff\udcfe\x00"])
def test_any_key_makes_a_queue_of_its_own(p, key):
    p.seed({**SCHEDULERS, "limits": {"f": "1 fn/f:$\n"}})
    assert p.enqueue(run("r1", "f", key), run("r2", "f", key), run("r3", "f", key + "?")) == [0, 0, 1, 0]
    state = p.dump()
    assert state["slots:fn/f:" + key] == {"r1"}
    assert state["wait:f:" + key] == [("r2", 2)]
    assert state["blocked:fn/f:" + key] == [("f:" + key, 0)]


def test_the_first_line_of_a_key_is_its_owner(p):
    """Queues differ by the whole key, an own limit is counted by the owner."""
    p.seed({**SCHEDULERS, "limits": {"f": "2 fn/f:$\n"}})
    assert p.enqueue(run("r1", "f", "a\nx"), run("r2", "f", "a\ny"), run("r3", "f", "a\nx"), run("r4", "f", "a\ny")) == [
        0, 0, 0, 1, 1]
    state = p.dump()
    assert state["slots:fn/f:a"] == {"r1", "r2"}
    assert state["wait:f:a\nx"] == [("r3", 3)]
    assert state["wait:f:a\ny"] == [("r4", 4)]
    assert state["line:f:a"] == [("f:a\nx", 3), ("f:a\ny", 4)]
    assert state["blocked:fn/f:a"] == [("\nf:a", 0)]


def test_bytes_pass_unchanged(p):
    data = "".join(chr(c) for c in range(1, 128)) + "\x00\udc80\udcff" + "€"
    p.seed(SCHEDULERS)
    p.enqueue(run("r1", "f", data=data))
    assert p.dump()["input:r1"] == data


def test_times_keep_every_digit(p):
    p.seed(SCHEDULERS)
    due = 9007199254740991
    p.enqueue(run("r1", "f", at=1763970000123, due=due))
    state = p.dump()
    assert state["run:r1"]["at"] == "1763970000123"
    assert state["timers"] == [("r1", due)]


def order_of(at, number, priority=0):
    """Milliseconds since 2020-09-13, and within one the sequence."""
    return max(0, at - priority - 1600000000000) * 4096 + number % 4096


@pytest.mark.parametrize("number", [1, 4095, 4096, 10**15])
@pytest.mark.parametrize("at", [0, 1600000000000, 1763970000123, 1874877906943])
def test_the_order_keeps_every_digit(p, at, number):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}, "seq": str(number - 1)})
    p.enqueue(run("r1", "f", at=at))
    state = p.dump()
    assert state["seq"] == str(number)
    assert int(state["run:r1"]["seq"]) == order_of(at, number)
    assert state["wait:f:k"] == [("r1", order_of(at, number))]


def test_runs_wait_in_the_order_in_which_they_were_accepted(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}})
    at = 1763970000123
    p.enqueue(run("second", "f", at=at + 1), run("third", "f", at=at + 1), run("first", "f", at=at))
    assert p.waiting("f") == ["first", "second", "third"]


def test_a_full_redis_refuses_new_work_and_keeps_the_state(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}})
    p.redis.config_set("maxmemory", "1")
    with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
        p.enqueue(run("r1", "f"))
    p.redis.config_set("maxmemory", "1gb")
    assert p.dump() == before
    assert p.enqueue(run("r1", "f")) == [0, 0]


@pytest.mark.parametrize("key", ["schedulers", "seq"])
def test_a_key_of_the_wrong_type_stops_the_call_before_it_writes(p, key):
    before = p.seed(after(SCHEDULERS, {key: {"a", "b"}}))
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.enqueue(run("r1", "f"))
    assert p.dump() == before


def test_helpers():
    assert after({"a": 1}, {"a": GONE, "b": 2}) == {"b": 2}
    assert not NOW == 0 and not now_plus(5) == "x"
