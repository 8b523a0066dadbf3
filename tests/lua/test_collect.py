"""Several events for one run: debounce and batch. The run of the first event collects, those of the others join it."""

import pytest
import redis

from partition import GONE, NEWCOMER, NOW, after, now_plus, outcome, run

ADMITTED, WAITS, PARKED, THERE = 0, 1, 2, 3
SCHEDULERS = {"schedulers": {"s1": "1"}}
KEYS = ["", "a", ":", "a b", "%s %d", "é ☃", "x" * 128, "\udcff\udcfe\x00"]
MEBIBYTE = 1 << 20


def debounced(run_id, ts=100, period=60000, longest=0, keep=0, key="x", data="{}", **more):
    return run(run_id, "f", data=data, debounce=[period, longest, keep, ts, key], **more)


def batched(run_id, size=3, timeout=60000, key="x", data="{}", **more):
    return run(run_id, "f", data=data, batch=[size, timeout, key], **more)


def run_hash(seq=1, **more):
    return {"fn": "f", "key": "k", "seq": str(seq), "at": "1000", **more}


def collecting(kind="debounce", ts=100, size=2, key="x", seq=1):
    return run_hash(seq, collect=kind, collect_since=NOW, collect_ts=str(ts), collect_bytes=str(size),
                    ends=f"gathers {key}\n")


def entries(*runs):
    return {"entries": [("*", r) for r in runs]}


def make_due(p, run_id="r1"):
    p.redis.zadd(p.key("timers"), {run_id: 1})


# ---- debounce: as long as events come, it waits ----

@pytest.mark.parametrize("key", KEYS)
def test_the_first_event_begins_to_collect(p, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(debounced("r1", key=key, data='{"n":1}')) == [0, PARKED]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": collecting(size=7, key=key), "input:r1": '{"n":1}', "collect:f:" + key: "r1",
        "timers": [("r1", now_plus(60000))]})


def test_the_next_event_joins_it_and_puts_it_off(p):
    p.seed(SCHEDULERS)
    p.enqueue(debounced("r1"))
    p.redis.zadd(p.key("timers"), {"r1": p.now_ms() + 5})
    before = p.dump()
    assert p.enqueue(debounced("r2", ts=101, data='{"n":2}')) == [0, [4, "r1"]]
    assert p.dump() == after(before, {
        "seq": "2", "joined:r2": "r1", "input:r1": '{"n":2}', "timers": [("r1", now_plus(60000))],
        "run:r1": {**before["run:r1"], "collect_ts": "101", "collect_bytes": "9"}})
    assert 3500000 < p.redis.pttl(p.key("joined:r2")) <= 3600000


@pytest.mark.parametrize("ts, expected", [(99, "1"), (100, "2"), (101, "2")])
def test_the_last_event_by_time_is_the_input(p, ts, expected):
    p.seed(SCHEDULERS)
    p.enqueue(debounced("r1", data="1"), debounced("r2", ts=ts, data="2"))
    assert p.dump()["input:r1"] == expected


def test_when_its_time_has_come_it_is_a_run_like_others(p):
    p.seed(SCHEDULERS)
    p.enqueue(debounced("r1", data="1"), debounced("r2", data="2"))
    make_due(p)
    before = p.dump()
    assert p.fire_timers() == [1, 1, -1]
    assert p.dump() == after(before, {
        "run:r1": run_hash(ends="gathers x\n", entry="*", limits=""), "collect:f:x": GONE, "timers": GONE, "ready:f": entries("r1")})
    p.redis.xgroup_create(p.key("ready:f"), "workers", "0")
    (_, entry, run_id, _, data, _), = p.claim("w1", 1, "f")
    assert (run_id, data) == ("r1", "2")
    assert p.commit("w1", outcome("finish", "f", entry, "r1")) == [0]


def test_an_event_after_that_begins_to_collect_anew(p):
    p.seed(SCHEDULERS)
    p.enqueue(debounced("r1"))
    make_due(p)
    p.fire_timers()
    assert p.enqueue(debounced("r2"), debounced("r3")) == [0, PARKED, [4, "r2"]]
    assert p.dump()["collect:f:x"] == "r2"


def test_the_end_of_the_earlier_run_leaves_the_next_one_collecting(p):
    p.seed({**SCHEDULERS, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(debounced("r1", keep=1))
    make_due(p)
    p.fire_timers()
    p.enqueue(debounced("r2", keep=1))
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("finish", "f", entry, "r1"))
    state = p.dump()
    assert state["collect:f:x"] == "r2" and state["gather:r2"] == ("{}",)


def test_it_waits_no_longer_than_that(p):
    p.seed(SCHEDULERS)
    p.enqueue(debounced("r1", longest=90000))
    assert p.dump()["timers"] == [("r1", now_plus(60000))]
    since = p.now_ms() - 20000
    p.redis.hset(p.key("run:r1"), "collect_since", since)
    p.enqueue(debounced("r2", longest=90000))
    assert p.dump()["timers"] == [("r1", now_plus(60000))]
    p.redis.hset(p.key("run:r1"), "collect_since", since - 20000)
    p.enqueue(debounced("r3", longest=90000))
    assert p.dump()["timers"] == [("r1", since - 20000 + 90000)]


def test_events_are_kept_in_the_order_in_which_they_came(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(debounced("r1", keep=1, data='{"n":1}'), debounced("r2", keep=1, ts=5, data='{"n":2}'),
                     debounced("r3", keep=1, data="null")) == [0, PARKED, [4, "r1"], [4, "r1"]]
    assert p.dump() == after(before, {
        "seq": "3", "run:r1": collecting(size=18), "input:r1": '{"n":1}', "collect:f:x": "r1",
        "gather:r1": ('{"n":1}', '{"n":2}', "null"), "joined:r2": "r1", "joined:r3": "r1",
        "timers": [("r1", now_plus(60000))]})
    make_due(p)
    before = p.dump()
    assert p.fire_timers() == [1, 1, -1]
    assert p.dump() == after(before, {
        "run:r1": run_hash(ends="gathers x\n", entry="*", limits=""), "input:r1": '[{"n":1},{"n":2},null]', "collect:f:x": GONE,
        "gather:r1": GONE, "timers": GONE, "ready:f": entries("r1")})


# ---- batch: up to a number of events, or a time ----

@pytest.mark.parametrize("key", KEYS)
def test_a_batch_begins(p, key):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(batched("r1", key=key, data="7")) == [0, PARKED]
    assert p.dump() == after(before, {
        "seq": "1", "run:r1": collecting("batch", 0, 1, key), "input:r1": "7", "collect:f:" + key: "r1",
        "gather:r1": ("7",), "timers": [("r1", now_plus(60000))]})


def test_a_full_batch_starts_at_once(p):
    before = p.seed(SCHEDULERS)
    assert p.enqueue(batched("r1", data="1"), batched("r2", data="2"), batched("r3", data="3")) == [
        0, PARKED, [4, "r1"], [4, "r1"]]
    assert p.dump() == after(before, {
        "seq": "3", "run:r1": run_hash(ends="gathers x\n", entry="*", limits=""), "input:r1": "[1,2,3]", "ready:f": entries("r1"),
        "joined:r2": "r1", "joined:r3": "r1"})


def test_a_batch_that_is_not_full_is_not_put_off_and_starts_in_time(p):
    p.seed(SCHEDULERS)
    p.enqueue(batched("r1", data="1"))
    due = p.now_ms() + 5000
    p.redis.zadd(p.key("timers"), {"r1": due})
    p.enqueue(batched("r2", data="2"))
    assert p.dump()["timers"] == [("r1", due)]
    make_due(p)
    assert p.fire_timers() == [1, 1, -1]
    assert p.dump()["input:r1"] == "[1,2]"


def test_many_events_make_full_batches(p):
    p.seed(SCHEDULERS)
    ids = [f"r{n:03}" for n in range(100)]
    leaders = {}
    for at in range(0, 100, 17):
        reply = p.enqueue(*[batched(r, size=10, data=str(int(r[1:]))) for r in ids[at:at + 17]])
        for r, answer in zip(ids[at:at + 17], reply[1:]):
            leaders.setdefault(r if answer == PARKED else answer[1], []).append(int(r[1:]))
    assert list(leaders) == ids[::10] == p.ready("f")
    state = p.dump()
    for leader, numbers in leaders.items():
        assert state["input:" + leader] == "[" + ",".join(map(str, numbers)) + "]"
    assert not [name for name in state if name.startswith(("collect:", "gather:", "timers"))]


@pytest.mark.parametrize("rule", [batched, lambda *a, **o: debounced(*a, keep=1, **{k: v for k, v in o.items() if k != "size"})])
def test_no_more_bytes_are_gathered_than_fit(p, rule):
    p.seed(SCHEDULERS)
    event = '"' + "x" * (MEBIBYTE - 3) + '"'  # with its comma a mebibyte
    for n in range(4):
        assert p.enqueue(rule(f"r{n}", size=1000, data=event)) == [0, [4, "r0"] if n else PARKED]
    assert p.ready("f") == []
    assert p.enqueue(rule("r4", size=1000, data=event)) == [0, [4, "r0"]]
    assert p.ready("f") == ["r0"]
    assert p.dump()["input:r0"] == "[" + ",".join([event] * 5) + "]"
    assert p.enqueue(rule("r5", size=1000, data="1")) == [0, PARKED]


def test_bytes_pass_unchanged(p):
    data = "".join(chr(c) for c in range(1, 128)) + "\x00\udc80\udcff€"
    p.seed(SCHEDULERS)
    p.enqueue(batched("r1", data=data), batched("r2", data=data))
    make_due(p)
    p.fire_timers()
    assert p.dump()["input:r1"] == f"[{data},{data}]"


# ---- both ----

RULES = [debounced, batched]


@pytest.mark.parametrize("rule", RULES)
def test_functions_and_keys_collect_apart(p, rule):
    p.seed(SCHEDULERS)
    other = rule("r3")
    other[1] = "g"
    assert p.enqueue(rule("r1"), rule("r2", key="y"), other) == [0, PARKED, PARKED, PARKED]


@pytest.mark.parametrize("rule", RULES)
def test_owners_whose_key_is_the_same_share_the_run_of_the_first(p, rule):
    """What is collected by is the rule's key alone; the run keeps its own."""
    p.seed(SCHEDULERS)
    other = rule("r2")
    other[2] = "other owner"
    assert p.enqueue(rule("r1"), other) == [0, PARKED, [4, "r1"]]
    assert p.dump()["run:r1"]["key"] == "k"


@pytest.mark.parametrize("rule", RULES)
def test_a_repeated_call_joins_nothing_twice(p, rule):
    p.seed(SCHEDULERS)
    batch = [rule("r1", data="1"), rule("r2", data="2")]
    assert p.enqueue(*batch) == [0, PARKED, [4, "r1"]]
    before = p.dump()
    assert p.enqueue(*batch) == [0, THERE, [4, "r1"]]
    assert p.dump() == after(before, {"seq": "4"})


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_joined_again_after_the_run_has_gone_on(p, rule, archived):
    """The reply was lost, and by the next call the run is under way, or even forgotten."""
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1"), rule("r2"))
    make_due(p)
    p.fire_timers()
    if archived:
        p.redis.unlink(p.key("run:r1"), p.key("input:r1"))
    before = p.dump()
    assert p.enqueue(rule("r2")) == [0, [4, "r1"]]
    assert p.dump() == after(before, {"seq": "3"})


@pytest.mark.parametrize("rule", RULES)
def test_a_run_that_was_cancelled_collects_no_more(p, rule):
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1"), rule("r2"))
    assert p.call("cancel_run", "r1", "why") == [0]
    state = p.dump()
    assert not [name for name in state if name.startswith(("collect:", "gather:", "timers"))]
    assert p.enqueue(rule("r3")) == [0, PARKED]
    assert p.dump()["collect:f:x"] == "r3"


@pytest.mark.parametrize("rule", RULES)
def test_a_run_that_was_deleted_by_hand_collects_no_more(p, rule):
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1"))
    p.redis.delete(p.key("run:r1"))
    assert p.enqueue(rule("r2")) == [0, PARKED]
    assert p.dump()["collect:f:x"] == "r2"


@pytest.mark.parametrize("rule", RULES)
def test_it_takes_its_slot_only_when_it_starts(p, rule):
    before = p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}})
    p.enqueue(rule("r1"))
    make_due(p)
    assert p.fire_timers() == [1, 0, -1]
    state = p.dump()
    assert state["slots:all"] == before["slots:all"]
    assert state["blocked:all"] == [("f:k", NEWCOMER)] and state["wait:f:k"] == [("r1", 1)]


def test_a_full_batch_waits_too(p):
    p.seed({**SCHEDULERS, "limits": {"f": "1 all\n"}, "slots:all": {"r0"}})
    p.enqueue(batched("r1", size=2), batched("r2", size=2))
    assert p.dump()["wait:f:k"] == [("r1", 1)]


@pytest.mark.parametrize("rule", RULES)
def test_throttle_counts_the_run_once_when_it_starts(p, rule):
    more = {"throttle": [1, 60000, 1, "t"]}
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1", **more), rule("r2", **more))
    assert "throttle:f:t" not in p.dump()
    make_due(p)
    assert p.fire_timers() == [1, 1, -1]
    state = p.dump()
    assert state["throttle:f:t"] == now_plus(60000) and "throttle" not in state["run:r1"]
    p.enqueue(rule("r3", **more))
    make_due(p, "r3")
    fired, admitted, wait = p.fire_timers()
    assert (fired, admitted) == (1, 0) and 50000 < wait <= 60000
    make_due(p, "r3")
    assert p.fire_timers() == [1, 1, -1]


@pytest.mark.parametrize("rule", RULES)
def test_once_skips_an_event_that_would_join(p, rule):
    p.seed(SCHEDULERS)
    refused = [5, "idempotency: run r1 had this key"], [5, "idempotency: run r2 had this key"]
    assert p.enqueue(rule("r1", once=[60000, "a"]), rule("r2", once=[60000, "b"]), rule("r3", once=[60000, "a"]),
                     rule("r4", once=[60000, "b"])) == [0, PARKED, [4, "r1"], *refused]
    state = p.dump()
    assert (state["once:f:a"], state["once:f:b"]) == ("r1", "r2")
    assert state["run:r1"]["collect_bytes"] == "4"
    before = p.dump()
    assert p.enqueue(rule("r2", once=[60000, "b"])) == [0, [4, "r1"]]
    assert p.dump() == after(before, {"seq": "5"})


@pytest.mark.parametrize("rule", RULES)
def test_rate_counts_the_run_and_not_its_events(p, rule):
    more = {"rate": [1, 60000, "r"]}
    p.seed(SCHEDULERS)
    assert p.enqueue(rule("r1", **more), rule("r2", **more)) == [0, PARKED, [4, "r1"]]
    make_due(p)
    p.fire_timers()
    assert p.enqueue(rule("r3", **more)) == [0, [5, "rate limit: 1 starts in 60000 ms"]]
    assert "collect:f:x" not in p.dump()


@pytest.mark.parametrize("rule", RULES)
def test_everybody_who_invoked_it_is_told(p, rule):
    p.seed({**SCHEDULERS, "ready:f": {"entries": [], "workers": {}}})
    p.enqueue(rule("r1", parent=[0, "a", "s"]), rule("r2", parent=[1, "b", "s"]))
    assert p.enqueue(rule("r2", parent=[1, "b", "s"])) == [0, [4, "r1"]]
    make_due(p)
    p.fire_timers()
    (_, entry, *_), = p.claim("w1", 1, "f")
    p.commit("w1", outcome("finish", "f", entry, "r1", extras={"output": "5"}))
    told = [(event["to"], event["ok"]) for event in p.dump()["events"]]
    assert told == [("0\na\ns", "5"), ("1\nb\ns", "5")]


@pytest.mark.parametrize("rule", RULES)
def test_a_run_that_is_to_start_later_collects_until_then(p, rule):
    due = p.now_ms() + 600000
    p.seed(SCHEDULERS)
    assert p.enqueue(rule("r1", due=due)) == [0, PARKED]
    assert p.dump()["timers"] == [("r1", due + 60000)]
    assert p.enqueue(rule("r2")) == [0, [4, "r1"]]
    assert p.dump()["timers"] == [("r1", due + 60000)]


@pytest.mark.parametrize("rule", RULES)
def test_deadlines_hold_for_it(p, rule):
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1", start_by=5000))
    p.redis.zadd(p.key("deadlines"), {"s:r1": 1})
    fired, *_ = p.fire_timers()
    assert fired == 1
    state = p.dump()
    assert state["run:r1"]["done"] == "1"
    assert not [name for name in state if name.startswith(("collect:", "gather:", "timers", "deadlines"))]


@pytest.mark.parametrize("rule", RULES)
def test_a_full_redis_refuses_and_keeps_the_state(p, rule):
    p.seed(SCHEDULERS)
    p.enqueue(rule("r1"))
    before = p.dump()
    p.redis.config_set("maxmemory", "1")
    for runs in ([rule("r2")], [rule("r3", key="y")]):
        with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
            p.enqueue(*runs)
    p.redis.config_set("maxmemory", "1gb")
    assert p.dump() == before


def test_a_full_redis_lets_a_run_that_has_collected_start(p):
    p.seed(SCHEDULERS)
    p.enqueue(batched("r1"), batched("r2"))
    make_due(p)
    p.redis.config_set("maxmemory", "1")
    assert p.fire_timers() == [1, 1, -1]
