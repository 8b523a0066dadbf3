"""Each tick once, whoever sends it and however often."""
import pytest
import redis

SENT, OTHERS, EARLY, FENCED = [0], [1], [2], [3]


@pytest.fixture
def c(p):
    p.seed({"schedulers": {"s1": "1", "s2": "2"}, "cron": {"f": "1000", "g": "9000"}})
    return p


def tick(p, planned_from, *ticks, scheduler="s1", fn="f"):
    return p.call("tick_cron", scheduler, fn, planned_from, *[word for t in ticks for word in t])


def plain(ms):
    return ms, f"id{ms}", '{"n":%d}' % ms, ""


def entry(ms, **more):
    return {"name": "inngest/scheduled.timer", "data": '{"n":%d}' % ms, "fn": "f", "eid": f"id{ms}", "at": str(ms), **more}


def test_a_tick_becomes_an_event_of_its_function(c):
    before = c.dump()
    assert tick(c, "1000", plain(2000)) == SENT
    assert c.dump() == {**before, "cron": {"f": "2000", "g": "9000"}, "events": [entry(2000)]}


def test_repeated(c):
    assert tick(c, "1000", plain(2000)) == SENT
    before = c.dump()
    assert [tick(c, "1000", plain(2000)), tick(c, "1000", plain(2000), scheduler="s2")] == [OTHERS, OTHERS]
    assert c.dump() == before


def test_a_plan_holds_as_long_as_nobody_was_faster(c):
    """One scheduler sends a tick, the other has planned it as skipped and the next one too."""
    assert tick(c, "1000", plain(2000)) == SENT
    assert tick(c, "1000", (2000, "x", "{}", "missed"), plain(3000), scheduler="s2") == OTHERS
    assert c.dump()["events"] == [entry(2000)]


def test_several_at_once(c):
    assert tick(c, "1000", (2000, "id2000", '{"n":2000}', "missed: why"), plain(3000)) == SENT
    assert c.dump()["events"] == [entry(2000, skip="missed: why"), entry(3000)]
    assert c.dump()["cron"]["f"] == "3000"


def test_a_hundred_at_once(c):
    ticks = [plain(2000 + i) for i in range(202)]
    assert tick(c, "1000", *ticks) == SENT
    assert [e["at"] for e in c.dump()["events"]] == [str(t[0]) for t in ticks]


def test_not_before_its_time(c):
    before = c.dump()
    now = c.now_ms()
    assert tick(c, "1000", plain(2000), plain(now + 60000)) == EARLY
    assert c.dump() == before
    assert tick(c, "1000", plain(2000), plain(now)) == SENT


@pytest.mark.parametrize("first", [999, 1000])
def test_ticks_only_go_forward(c, first):
    before = c.dump()
    assert tick(c, "1000", plain(first), plain(2000)) == OTHERS
    assert c.dump() == before


def test_a_scheduler_that_was_declared_dead_sends_nothing(c):
    before = c.dump()
    assert tick(c, "1000", plain(2000), scheduler="s3") == FENCED
    assert c.dump() == before


def test_a_function_that_is_not_watched(c):
    before = c.dump()
    assert tick(c, "1000", plain(2000), fn="h") == OTHERS
    assert c.dump() == before


def test_a_full_redis_refuses_it_whole(c):
    before = c.dump()
    c.redis.config_set("maxmemory", "1")
    with pytest.raises(redis.ResponseError, match="OOM"):
        tick(c, "1000", plain(2000))
    c.redis.config_set("maxmemory", "1gb")
    assert c.dump() == before
    assert tick(c, "1000", plain(2000)) == SENT
