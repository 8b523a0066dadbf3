"""A worker asks which of its runs it is to stop executing."""

import pytest

from partition import outcome, run

KEEP, OTHERS, CANCELLED = 0, 1, 2


def lost(p, *triples, worker="w1"):
    return p.call("lost_leases", worker, *[word for triple in triples for word in triple])


@pytest.fixture
def held(p):
    """w1 holds r1 and r2 of f, w2 holds r3, nobody r4; w1 holds r5 of g, which is to be cancelled."""
    p.seed({"ready:f": {"entries": [(f"{n}-0", f"r{n}") for n in range(1, 5)],
                        "workers": {"w1": ["1-0", "2-0"], "w2": ["3-0"]}},
            "ready:g": {"entries": [("5-0", "r5")], "workers": {"w1": ["5-0"]}},
            **{f"run:r{n}": {"fn": "g" if n == 5 else "f", "key": "k", "seq": str(n), "entry": f"{n}-0"} for n in range(1, 6)}})
    p.redis.hset(p.key("run:r5"), "cancel", "why")
    return p


def test_each_of_them(held):
    before = held.dump()
    assert lost(held, ("f", "1-0", "r1"), ("f", "2-0", "r2"), ("f", "3-0", "r3"), ("f", "4-0", "r4"), ("g", "5-0", "r5"),
                ("f", "9-0", "r9"), ("g", "1-0", "r1"), ("unknown", "1-0", "r1")) == [
                    KEEP, KEEP, OTHERS, OTHERS, CANCELLED, OTHERS, OTHERS, OTHERS]
    assert held.dump() == before


def test_none(p):
    assert lost(p) == []
    assert p.dump() == {}


def test_a_run_that_was_deleted_by_hand_is_still_held(held):
    held.redis.delete(held.key("run:r1"))
    assert lost(held, ("f", "1-0", "r1")) == [KEEP]


@pytest.mark.parametrize("op, code", [("next", KEEP), ("park", OTHERS), ("finish", OTHERS), ("return", OTHERS)])
def test_after_an_outcome(held, op, code):
    held.commit("w1", outcome(op, "f", "1-0", "r1", delay=5000))
    assert lost(held, ("f", "1-0", "r1")) == [code]


def test_after_the_worker_was_reaped(held):
    """It was slow, not dead: others have its runs by now."""
    held.reap_worker("f", "w1")
    held.claim("w2", 9, "f")
    assert lost(held, ("f", "1-0", "r1"), ("f", "2-0", "r2")) == [OTHERS, OTHERS]


def test_after_it_was_cancelled(held):
    assert held.call("cancel_run", "r1", "why") == [1]
    assert lost(held, ("f", "1-0", "r1")) == [CANCELLED]
    held.commit("w1", outcome("finish", "f", "1-0", "r1"))
    assert lost(held, ("f", "1-0", "r1")) == [OTHERS]


def test_a_branch_of_a_run_that_was_cancelled(p):
    p.seed({"schedulers": {"s1": "1"}, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(run("r1", "f"))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("park", "f", entry, "r1", delay=-1, extras={"fan": [2, 2]}))
    triples = [("f", entry, run_id) for _, entry, run_id, *_ in p.claim("w1", 1, "f")]
    assert lost(p, *triples) == [KEEP]
    p.call("cancel_run", "r1", "why")
    assert lost(p, *triples) == [CANCELLED]


@pytest.mark.parametrize("name", ["%s", "é ☃", "\udcff\x00", "a b", ":"])
def test_any_name(p, name):
    p.seed({"ready:" + name: {"entries": [("1-0", name)], "workers": {name: ["1-0"]}}, "run:" + name: {"fn": name}})
    assert lost(p, (name, "1-0", name), worker=name) == [KEEP]
    assert lost(p, (name, "1-0", name), worker="w1") == [OTHERS]


def test_many(p):
    entries = [(f"{n}-0", f"r{n}") for n in range(1, 1001)]
    p.seed({"ready:f": {"entries": entries, "workers": {"w1": [entry for entry, _ in entries[::2]]}}})
    assert lost(p, *[("f", entry, r) for entry, r in entries]) == [KEEP, OTHERS] * 500


def test_a_full_redis_lets_it_pass(held):
    held.redis.config_set("maxmemory", "1")
    assert lost(held, ("f", "1-0", "r1")) == [KEEP]
