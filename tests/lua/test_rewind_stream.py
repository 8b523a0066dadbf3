"""rewind_stream: ids that a sender chose do not set the time of all that come later."""
import time

import pytest

STREAM, HOUR_MS = "chronos:events", 3600000
NANOSECONDS = 1_795_000_000_000_000_000


@pytest.fixture
def stream(p):
    p.redis.xgroup_create(STREAM, "scheduler", "0", mkstream=True)
    p.redis.xgroup_create(STREAM, "others", "0")
    return p


def rewind(p):
    return p.call_on(STREAM, "rewind_stream", HOUR_MS)


def last_ms(p):
    return int(p.redis.xinfo_stream(STREAM)["last-generated-id"].split("-")[0])


def test_there_is_nothing_to_do(p):
    assert rewind(p) == [0]
    p.redis.xgroup_create(STREAM, "scheduler", "0", mkstream=True)
    assert rewind(p) == [0]
    p.redis.xadd(STREAM, {"name": "a"})
    assert rewind(p) == [0]


@pytest.mark.parametrize("entry", [f"{NANOSECONDS}-0", "18446744073709551615-18446744073709551615", f"{NANOSECONDS // 1000}-7"])
def test_an_empty_stream_goes_on_from_the_clock(stream, entry):
    stream.redis.xadd(STREAM, {"name": "far"}, id=entry)
    assert rewind(stream) == [2] and last_ms(stream) > time.time() * 1000 + HOUR_MS
    for group in ("scheduler", "others"):
        assert stream.redis.xreadgroup(group, "me", {STREAM: ">"})
        stream.redis.xack(STREAM, group, entry)
    stream.redis.xdel(STREAM, entry)
    assert rewind(stream) == [1]
    assert abs(last_ms(stream) - time.time() * 1000) < HOUR_MS
    assert rewind(stream) == [0]
    added = stream.redis.xadd(STREAM, {"name": "next"})
    for group in ("scheduler", "others"):
        assert [e for _, entries in stream.redis.xreadgroup(group, "me", {STREAM: ">"}) for e, _ in entries] == [added]


def test_less_than_an_hour_is_a_clock_that_differs(stream):
    entry = f"{int(time.time() * 1000) + HOUR_MS // 2}-0"
    stream.redis.xadd(STREAM, {"name": "a"}, id=entry)
    stream.redis.xdel(STREAM, entry)
    assert rewind(stream) == [0]
