import pytest
import redis

from partition import GONE, NOW, after, outcome


def ready(*ids, **workers):
    return {"entries": [(f"{n + 1}-0", i) for n, i in enumerate(ids)], "workers": workers}


def held(*ids, worker="w1", **more):
    return {"ready:f": ready(*ids, **{worker: [f"{n + 1}-0" for n in range(len(ids))]}),
            **{f"run:{r}": {"fn": "f", "key": "k"} for r in ids}, "slots:all": set(ids), **more}


def lost(run, worker="w1"):
    return {"kind": "lost", "run": run, "at": NOW, "body": worker}


def test_what_it_held_goes_back_and_its_deaths_are_counted(p):
    before = p.seed(held("r1", "r2", limits={"f": "2 all\n"}))
    assert p.reap_worker("f", "w1") == [2, 0]
    assert p.dump() == after(before, {
        "run:r1": {"fn": "f", "key": "k", "entry": "*", "deaths": "1"},
        "run:r2": {"fn": "f", "key": "k", "entry": "*", "deaths": "1"},
        "ready:f": {"entries": [("*", "r1"), ("*", "r2")], "workers": {}}, "history": [lost("r1"), lost("r2")]})


def test_a_repeated_call_finds_nothing(p):
    p.seed(held("r1"))
    p.reap_worker("f", "w1")
    before = p.dump()
    before["history"][0].pop("at")
    assert p.reap_worker("f", "w1") == [0, 0]
    state = p.dump()
    state["history"][0].pop("at")
    assert state == before


def test_a_worker_that_holds_nothing_is_removed(p):
    before = p.seed({"ready:f": ready("r1", w1=[], w2=[])})
    assert p.reap_worker("f", "w1") == [0, 0]
    assert p.dump() == after(before, {"ready:f": ready("r1", w2=[])})


def test_a_worker_that_was_never_there(p):
    before = p.seed({"ready:f": ready("r1", w2=["1-0"])})
    assert p.reap_worker("f", "w1") == [0, 0]
    assert p.dump() == before


def test_others_keep_what_they_hold(p):
    before = p.seed({"ready:f": ready("r1", "r2", "r3", w1=["2-0"], w2=["1-0"]),
                     "run:r2": {"fn": "f", "deaths": "2"}})
    assert p.reap_worker("f", "w1") == [1, 0]
    assert p.dump() == after(before, {
        "run:r2": {"fn": "f", "entry": "*", "deaths": "3"}, "history": [lost("r2")],
        "ready:f": {"entries": [("1-0", "r1"), ("3-0", "r3"), ("*", "r2")], "workers": {"w2": ["1-0"]}}})


@pytest.mark.parametrize("most, replies", [(1, [[1, 1], [1, 1], [1, 0]]), (2, [[2, 1], [1, 0]]), (3, [[3, 0]]),
                                           (4, [[3, 0]])])
def test_no_more_than_asked_for_in_a_call(p, most, replies):
    p.seed(held("r1", "r2", "r3"))
    assert [p.reap_worker("f", "w1", most) for _ in replies] == replies
    state = p.dump()
    assert state["ready:f"] == {"entries": [("*", "r1"), ("*", "r2"), ("*", "r3")], "workers": {}}
    assert [h["run"] for h in state["history"]] == ["r1", "r2", "r3"]


def test_the_consumer_stays_while_it_holds_entries(p):
    p.seed(held("r1", "r2"))
    p.reap_worker("f", "w1", 1)
    assert p.dump()["ready:f"]["workers"] == {"w1": ["2-0"]}


def test_an_entry_without_a_run_is_removed(p):
    before = p.seed(after(held("r1", "r2"), {"run:r1": GONE}))
    assert p.reap_worker("f", "w1") == [1, 0]
    assert p.dump() == after(before, {"run:r2": {"fn": "f", "key": "k", "entry": "*", "deaths": "1"},
                                      "history": [lost("r2")], "ready:f": {"entries": [("*", "r2")], "workers": {}}})


def test_a_pending_entry_that_was_deleted_is_acknowledged(p):
    before = p.seed(held("r1", "r2"))
    p.redis.xdel(p.key("ready:f"), "1-0")
    assert p.reap_worker("f", "w1") == [1, 0]
    state = p.dump()
    assert state["ready:f"] == {"entries": [("*", "r2")], "workers": {}}
    assert state["run:r1"] == before["run:r1"]


def test_the_run_is_claimed_by_the_next_worker_with_its_deaths(p):
    p.seed(held("r1"))
    p.reap_worker("f", "w1")
    (_, entry, run_id, fields, _, _), = p.claim("w2", 5, "f")
    assert fields["deaths"] == "1"
    assert p.commit("w1", outcome("finish", "f", "1-0", run_id)) == [2]
    assert p.commit("w2", outcome("finish", "f", entry, run_id)) == [0]


@pytest.mark.parametrize("state", [{}, {"ready:f": [{"run": "r1"}]}])
def test_without_stream_or_group_it_is_refused(p, state):
    before = p.seed(state)
    with pytest.raises(redis.exceptions.ResponseError, match="NOGROUP"):
        p.reap_worker("f", "w1")
    assert sorted(p.dump()) == sorted(before)


def test_a_full_redis_lets_it_pass(p):
    p.seed(held("r1"))
    p.redis.config_set("maxmemory", "1")
    assert p.reap_worker("f", "w1") == [1, 0]


def test_a_history_of_the_wrong_type_loses_no_entry(p):
    """The old entry leaves after the new one is there; worst, the run is there twice for the next reaping."""
    p.seed(held("r1", history="text"))
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        p.reap_worker("f", "w1")
    assert "r1" in p.ready("f")
