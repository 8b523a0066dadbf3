import pytest


def ready(**workers):
    return {"ready:f": {"entries": [("1-0", "r1"), ("2-0", "r2")], "workers": workers}}


def test_a_consumer_that_holds_nothing_is_removed(p):
    p.seed(ready(w1=[], w2=["1-0"]))
    assert p.drop_consumer("f", "w1") == [1]
    assert p.dump() == ready(w2=["1-0"])


def test_repeated(p):
    p.seed(ready(w1=[]))
    assert [p.drop_consumer("f", "w1") for _ in range(2)] == [[1], [1]]
    assert p.dump() == ready()


def test_a_consumer_that_holds_an_entry_stays(p):
    before = p.seed(ready(w1=["1-0", "2-0"]))
    assert p.drop_consumer("f", "w1") == [0]
    assert p.dump() == before


def test_an_entry_that_was_deleted_is_held_all_the_same(p):
    p.seed(ready(w1=["1-0"]))
    p.redis.xdel(p.key("ready:f"), "1-0")
    assert p.drop_consumer("f", "w1") == [0]


@pytest.mark.parametrize("group", ["workers", "other"])
def test_nothing_is_there(p, group):
    assert p.drop_consumer("f", "w1", group) == [1]
    assert p.dump() == {}


def test_a_group_that_is_not_there(p):
    before = p.seed(ready(w1=["1-0"]))
    assert p.drop_consumer("f", "w1", "other") == [1]
    assert p.dump() == before


def test_any_stream_will_do(p):
    """The scheduler's own group on its stream of events."""
    p.redis.xadd(p.key("events"), {"name": "n"})
    p.redis.xgroup_create(p.key("events"), "scheduler", "0")
    p.redis.xreadgroup("scheduler", "s1", {p.key("events"): ">"})
    assert p.call_on(p.key("events"), "drop_consumer", "scheduler", "s1") == [0]
    p.redis.xack(p.key("events"), "scheduler", p.redis.xinfo_stream(p.key("events"))["first-entry"][0])
    assert p.call_on(p.key("events"), "drop_consumer", "scheduler", "s1") == [1]


def test_a_full_redis_lets_it_pass(p):
    p.seed(ready(w1=[]))
    p.redis.config_set("maxmemory", "1")
    assert p.drop_consumer("f", "w1") == [1]
