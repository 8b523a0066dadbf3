"""What a waiting run stands behind."""

import pytest

from partition import run

SCHEDULERS = {"schedulers": {"s1": "1"}}
NAMES = ("limit", "max", "used", "unit", "place", "length", "ahead", "holders")


def explain(p, run_id, most=20):
    return dict(zip(NAMES, p.call("explain_wait", run_id, most)))


def seeded(p, template, **more):
    p.seed({**SCHEDULERS, "limits": {"f": template, "g": template}, **more})


def test_its_place_among_others(p):
    seeded(p, "1 all\n")
    p.enqueue(run("h", "f", "x"), run("a1", "f", "a"), run("b1", "f", "b"), run("b2", "f", "b"), run("c1", "f", "c"))
    before = p.dump()
    assert explain(p, "b2") == {"limit": "all", "max": "1", "used": "1", "unit": "runs", "place": 1, "length": 2, "ahead": 1,
                                "holders": ["h"]}
    assert explain(p, "c1")["ahead"] == 2
    assert explain(p, "h") == {} and explain(p, "nobody") == {}
    assert p.dump() == before


def test_the_limit_where_it_stands_and_not_another_that_is_full(p):
    seeded(p, "1 own:$\n1 all\n")
    p.enqueue(run("h", "f", "x"), run("x2", "f", "x"), run("a1", "f", "a"))
    assert explain(p, "x2")["limit"] == "own:x" and explain(p, "a1")["limit"] == "all"


def test_a_queue_in_its_owners_line(p):
    seeded(p, "1 own:$\n1 video:$2\n")
    p.enqueue(run("h", "f", "x\nv1"), run("r1", "f", "x\nv2"), run("r2", "f", "x\nv3"))
    told = explain(p, "r2")
    assert (told["limit"], told["place"], told["length"], told["holders"]) == ("own:x", 0, 1, ["h"])


def test_a_paused_function(p):
    seeded(p, "1 all\n", controls={"pause/f": "pause"})
    p.enqueue(run("r1", "f"))
    assert explain(p, "r1") == {"limit": "paused/f", "max": "0", "used": "0", "unit": "runs", "place": 0, "length": 1, "ahead": 0,
                                "holders": []}


def test_a_budget(p):
    minute = str(p.now_ms() // 60000)
    seeded(p, "usd2000000/100 budget:$\n", **{"spent:k": {minute: "2500000"}})
    p.enqueue(run("r1", "f"))
    told = explain(p, "r1")
    assert (told["limit"], told["max"], told["used"], told["unit"]) == ("budget:k", "2000000", "2500000", "µusd")


@pytest.mark.parametrize("most", [0, 3])
def test_not_more_holders_than_asked_for(p, most):
    seeded(p, "5 all\n", **{"slots:all": {f"x{n}" for n in range(9)}})
    p.enqueue(run("r1", "f"))
    assert len(explain(p, "r1", most)["holders"]) == most


def test_it_is_only_its_turn(p):
    seeded(p, "1 all\n", **{"slots:all": {"x"}})
    p.enqueue(run("r1", "f"))
    p.redis.delete(p.key("slots:all"))
    told = explain(p, "r1")
    assert (told["limit"], told["used"], told["holders"]) == ("all", "0", [])
