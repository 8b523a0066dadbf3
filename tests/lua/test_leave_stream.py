import pytest
import redis


@pytest.fixture
def stream(p):
    """A stream of whose four entries the first three are pending for s1."""
    key = p.key("events")
    p.redis.xgroup_create(key, "scheduler", "0", mkstream=True)
    for n in range(1, 5):
        p.redis.xadd(key, {"name": f"n{n}"}, id=f"{n}-0")
    p.redis.xreadgroup("scheduler", "s1", {key: ">"}, count=3)
    return key


def state(p, key):
    return [i for i, _ in p.redis.xrange(key)], [e["message_id"] for e in p.redis.xpending_range(key, "scheduler", "-", "+", 10)]


def leave(p, key, *ids):
    return p.call_on(key, "leave_stream", "scheduler", *ids)


def test_entries_leave_the_stream_and_the_group(p, stream):
    assert leave(p, stream, "1-0", "3-0") == [2]
    assert state(p, stream) == (["2-0", "4-0"], ["2-0"])


def test_repeated(p, stream):
    assert [leave(p, stream, "1-0") for _ in range(2)] == [[1], [0]]
    assert state(p, stream) == (["2-0", "3-0", "4-0"], ["2-0", "3-0"])


def test_one_that_was_deleted_by_hand_leaves_the_group(p, stream):
    p.redis.xdel(stream, "2-0")
    assert leave(p, stream, "2-0", "1-0") == [1]
    assert state(p, stream) == (["3-0", "4-0"], ["3-0"])


def test_as_many_as_a_batch_has(p, stream):
    ids = [f"{n}-0" for n in range(10, 1010)]
    for i in ids:
        p.redis.xadd(stream, {"name": "n"}, id=i)
    assert leave(p, stream, *ids) == [1000]


def test_a_key_of_the_wrong_type(p):
    p.redis.set(p.key("events"), "by hand")
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        leave(p, p.key("events"), "1-0")


def test_a_full_redis_lets_it_pass(p, stream):
    p.redis.config_set("maxmemory", "1")
    assert leave(p, stream, "1-0") == [1]
