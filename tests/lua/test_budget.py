"""What an owner's paid steps may cost in an hour: a limit `usd<cap>/<reserve>` in µUSD."""

import pytest

from partition import NEWCOMER, after, outcome, run

ADMITTED, WAITS = 0, 1
SCHEDULERS = {"schedulers": {"s1": "1"}}
MINUTE = 60000
TEMPLATE = "usd1000/0 budget:$\n"


def this_minute(p):
    return p.now_ms() // MINUTE


def spent(p, *costs, owner="k", ago=0):
    """µUSD in this minute and the ones before it, the last one first."""
    return {f"spent:{owner}": {str(this_minute(p) - ago - n): str(cost) for n, cost in enumerate(costs)}}


def claimed(template=TEMPLATE, **more):
    return {"limits": {"f": template}, "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1", "limits": template},
            "input:r1": "{}", "slots:budget:k": {"r1"},
            "ready:f": {"entries": [("1-0", "r1")], "workers": {"w1": ["1-0"]}}, **more}


def commit(p, op="next", cost=None, entry="1-0", run_id="r1", **more):
    extras = {} if cost is None else {"cost": cost}
    return p.commit("w1", outcome(op, "f", entry, run_id, extras=extras, **more))


def total(p, owner="k"):
    return sum(int(cost) for cost in p.redis.hvals(p.key("spent:" + owner)))


# ---- what was spent ----

def test_a_cost_is_added_to_the_minute(p):
    before = p.seed(claimed())
    minute = this_minute(p)
    assert commit(p, cost=70) == [0]
    assert p.dump() in [after(before, {"spent:k": {str(m): "70"}}) for m in (minute, minute + 1)]
    assert 7100000 < p.redis.pttl(p.key("spent:k")) <= 7200000
    assert commit(p, cost=5) == [0]
    assert total(p) == 75


@pytest.mark.parametrize("op", ["next", "park", "finish"])
def test_every_outcome_may_cost(p, op):
    p.seed(claimed())
    assert commit(p, op, cost=70, delay=10**6) == [0]
    assert total(p) == 70


def test_a_cost_is_added_once_when_the_call_is_repeated(p):
    p.seed(claimed())
    assert commit(p, cost=70, results={"s": "1"}) == [0]
    assert commit(p, cost=70, results={"s": "1"}) == [1]
    assert commit(p, "finish", cost=7) == [0]
    assert commit(p, "finish", cost=7) == [1]
    assert total(p) == 77


@pytest.mark.parametrize("case", ["stale", "conflict"])
def test_a_refused_outcome_costs_nothing(p, case):
    """What it cost in fact is gone all the same; the budget is about what is started."""
    p.seed(claimed(**{"steps:r1": {"s": "1"}}))
    if case == "stale":
        assert commit(p, cost=70, entry="9-9") == [2]
    else:
        assert commit(p, cost=70, results={"s": "2"}) == [3]
    assert "spent:k" not in p.dump()


def test_the_owner_is_the_first_line_of_the_key(p):
    p.seed(after(claimed(), {"run:r1": {"fn": "f", "key": "ada\nvideo", "limits": TEMPLATE}}))
    commit(p, cost=70)
    assert total(p, "ada") == 70


def test_minutes_that_count_no_more_are_forgotten(p):
    p.seed(claimed(**spent(p, 1, 2, ago=60)))
    minute = this_minute(p)
    commit(p, cost=70)
    left = p.redis.hgetall(p.key("spent:k"))
    assert str(minute - 61) not in left and "70" in left.values()
    assert total(p) in (70, 71)  # the minute may change meanwhile


def test_costs_of_a_batch_add_up(p):
    p.seed(claimed())
    assert p.commit("w1", *[outcome("next", "f", "1-0", "r1", results={f"s{n}": "1"}, extras={"cost": 10})
                            for n in range(20)]) == [0] * 20
    assert total(p) == 200


# ---- who may go ----

@pytest.mark.parametrize("cost, expected", [(0, ADMITTED), (999, ADMITTED), (1000, WAITS), (1001, WAITS)])
def test_the_cap(p, cost, expected):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, cost)})
    assert p.enqueue(run("r1", "f")) == [0, expected]


def test_who_waits_is_looked_at_when_enough_is_an_hour_old(p):
    before = p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, 600, 100, 200, 300)})
    first = int(min(before["spent:k"]))
    assert p.enqueue(run("r1", "f")) == [0, WAITS]
    due = (first + 61) * MINUTE
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": {"fn": "f", "key": "k", "seq": "1", "at": "1000"}, "input:r1": "{}",
        "wait:f:k": [("r1", 1)], "blocked:budget:k": [("f:k", 0)], "timers": [("limit/budget:k", due)]})


@pytest.mark.parametrize("costs, minutes", [([300, 300, 300, 300], 0), ([300, 300, 600, 600], 1), ([900, 100], 0), ([100, 900], 0), ([2000, 1, 1], 2)])
def test_the_time_at_which_it_is_less_than_the_cap(p, costs, minutes):
    """`costs` are of this minute and those before; the oldest leave first."""
    before = p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, *costs)})
    oldest = min(int(m) for m in before["spent:k"])
    p.enqueue(run("r1", "f"))
    ((_, due),) = p.dump()["timers"]
    assert due == (oldest + minutes + 61) * MINUTE


def let_time_pass(p, minutes, owner="k"):
    """Everything was spent so much earlier, and the limit's timer is due if it would be by then."""
    key = p.key("spent:" + owner)
    costs = p.redis.hgetall(key)
    p.redis.delete(key)
    if costs:
        p.redis.hset(key, mapping={str(int(m) - minutes): cost for m, cost in costs.items()})
    for member, due in p.redis.zrange(p.key("timers"), 0, -1, withscores=True):
        p.redis.zadd(p.key("timers"), {member: due - minutes * MINUTE})


def test_the_window_frees(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, 600, 600)})
    p.enqueue(run("r1", "f"), run("r2", "f"))
    let_time_pass(p, 59)
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (0, 0) and 0 < wait <= 2 * MINUTE
    let_time_pass(p, 2)
    fired, admitted, *_ = p.fire_timers()
    assert (fired, admitted) == (1, 2)
    state = p.dump()
    assert p.ready("f") == ["r1", "r2"] and state["slots:budget:k"] == {"r1", "r2"}
    assert not [name for name in state if name.startswith(("wait:", "blocked:"))]


def test_a_timer_that_fires_before_there_is_room_is_set_again(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, 1200)})
    p.enqueue(run("r1", "f"))
    before = p.dump()
    p.redis.zadd(p.key("timers"), {"limit/budget:k": 1})
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (1, 0) and wait > 59 * MINUTE
    assert p.dump() == before


def test_a_cost_that_reaches_the_cap_stops_those_who_would_go_next(p):
    p.seed(claimed("1 own:$\n" + TEMPLATE, **{"slots:own:k": {"r1"}}, **SCHEDULERS))
    assert p.enqueue(run("r2", "f")) == [0, WAITS]
    assert commit(p, "finish", cost=1000) == [0]
    state = p.dump()
    assert p.ready("f") == []
    assert state["blocked:budget:k"] == [("f:k", 0)] and "blocked:own:k" not in state
    assert [member for member, _ in state["timers"]] == ["limit/budget:k"]
    let_time_pass(p, 61)
    assert p.fire_timers()[:2] == [1, 1]
    assert p.ready("f") == ["r2"]


def test_runs_that_go_on_are_not_stopped(p):
    """What has begun holds its place; a retry takes its turn again."""
    p.seed(claimed())
    assert commit(p, cost=5000, results={"a": "1"}) == [0]
    assert commit(p, cost=5000, results={"b": "1"}) == [0]
    assert commit(p, "park", delay=1000) == [0]
    p.redis.zadd(p.key("timers"), {"r1": 1})
    assert p.fire_timers()[:2] == [1, 0]
    assert p.dump()["blocked:budget:k"] == [("f:k", 0)]


# ---- what the running ones may still cost ----

def test_the_reserve_keeps_room_for_those_who_run(p):
    p.seed({**SCHEDULERS, "limits": {"f": "usd1000/300 budget:$\n"}})
    assert p.enqueue(*[run(f"r{n}", "f") for n in range(5)]) == [0, ADMITTED, ADMITTED, ADMITTED, WAITS, WAITS]


def test_one_may_always_go_when_nothing_is_spent_and_nobody_runs(p):
    p.seed({**SCHEDULERS, "limits": {"f": "usd1000/5000 budget:$\n"}})
    assert p.enqueue(run("r1", "f"), run("r2", "f")) == [0, ADMITTED, WAITS]


def test_the_end_of_one_lets_the_next_go(p):
    p.seed(claimed("usd1000/600 budget:$\n", **SCHEDULERS))
    assert p.enqueue(run("r2", "f")) == [0, WAITS]
    assert "timers" not in p.dump()
    assert commit(p, "finish", cost=100) == [0]
    assert p.ready("f") == ["r2"]
    assert p.dump()["slots:budget:k"] == {"r2"}


def test_no_more_go_than_the_cap_has_room_for(p):
    """Every step costs its reserve: the hour never costs more than the cap."""
    p.seed({**SCHEDULERS, "limits": {"f": "usd1000/150 budget:$\n"}, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(*[run(f"r{n}", "f") for n in range(30)])
    while True:
        claims = p.claim("w1", 2, "f")
        if not claims:
            break
        p.commit("w1", *[outcome("finish", "f", entry, r, extras={"cost": 150}) for _, entry, r, *_ in claims])
    assert total(p) == 900
    assert len(p.waiting("f")) == 24


# ---- others ----

def test_other_owners_and_other_functions_go_on(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE, "g": "5 all\n"}, **spent(p, 5000)})
    assert p.enqueue(run("r1", "f"), run("r2", "f", "other"), run("r3", "g")) == [0, WAITS, ADMITTED, ADMITTED]


def test_functions_share_the_owners_budget(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE, "g": TEMPLATE}, **spent(p, 5000)})
    assert p.enqueue(run("r1", "f"), run("r2", "g")) == [0, WAITS, WAITS]
    assert p.dump()["blocked:budget:k"] == [("f:k", 0), ("g:k", NEWCOMER)]


# ---- an operator's word ----

def override(p, micro_usd, owner="k"):
    assert p.call("set_override", f"budget:{owner}", micro_usd) == [1]


def test_an_override_raises_and_lowers_it(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, 1500)})
    assert p.enqueue(run("r1", "f")) == [0, WAITS]
    override(p, 2000)
    assert p.fire_timers()[:2] == [0, 1]
    assert p.ready("f") == ["r1"]
    override(p, 1500)
    assert p.enqueue(run("r2", "f")) == [0, WAITS]
    override(p, "")
    assert p.fire_timers()[:2] == [0, 0]
    assert p.waiting("f") == ["r2"]
    override(p, 1501)
    assert p.fire_timers()[:2] == [0, 1]


def test_an_override_of_nothing_stops_the_owner(p):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, "controls": {"limit/budget:k": "0"}})
    assert p.enqueue(run("r1", "f"), run("r2", "f", "other")) == [0, WAITS, ADMITTED]
    assert p.fire_timers() == [0, 0, -1]
    override(p, "")
    assert p.fire_timers() == [0, 1, -1]


# ---- what people are told ----

def test_the_reason_for_which_a_run_waits(p):
    p.seed({**SCHEDULERS, "limits": {"f": "usd10000000/0 budget:$\n"}, **spent(p, 10421000)})
    p.enqueue(run("r1", "f"))
    reply = p.call("explain_run", "r1")
    told = dict(zip(reply[::2], reply[1::2]))
    assert told["state"] == "waiting"
    assert told["reason"] == "budget: k has spent $10.42 of $10.00 in the last hour"


def test_a_full_redis_lets_costs_be_noted(p):
    p.seed(claimed())
    p.redis.config_set("maxmemory", "1")
    assert commit(p, "finish", cost=70) == [0]
    assert total(p) == 70


@pytest.mark.parametrize("owner", ["", ":", "%s", "é ☃", "\udcff\x00"])
def test_any_owner_has_a_budget(p, owner):
    p.seed({**SCHEDULERS, "limits": {"f": TEMPLATE}, **spent(p, 5000, owner=owner)})
    assert p.enqueue(run("r1", "f", owner)) == [0, WAITS]
    let_time_pass(p, 62, owner)
    assert p.fire_timers()[:2] == [1, 1]


def test_what_is_left_when_all_is_quiet(p):
    p.seed(claimed("usd1000/0 budget:$\n", **SCHEDULERS))
    p.enqueue(run("r2", "f", "k"))
    commit(p, "finish", cost=10)
    (_, entry, *_), = p.claim("w1", 1, "f")
    commit(p, "finish", cost=1, entry=entry, run_id="r2")
    left = {name for name in p.dump() if not name.startswith(("run:", "input:"))}
    assert left == {"limits", "schedulers", "seq", "ready:f", "spent:k"}
