"""What daemons need in order to start: it passes also when Redis is full."""

import pytest
import redis


@pytest.fixture(params=["1gb", "1"], ids=["room", "full"])
def q(p, request):
    p.redis.config_set("maxmemory", request.param)
    return p


def test_a_scheduler_is_registered_once(q):
    assert q.call("register_scheduler", "s1", 1000) == [1]
    assert q.call("register_scheduler", "s1", 2000) == [0]
    assert q.call("register_scheduler", "s2", 3000) == [1]
    assert q.dump() == {"schedulers": {"s1": "1000", "s2": "3000"}}


def test_limits_are_installed(q):
    assert q.call("install_limits", "f", "1 all\n") == [1]
    assert q.call("install_limits", "f", "1 all\n") == [0]
    assert q.dump() == {"limits": {"f": "1 all\n"}}
    assert q.call("install_limits", "f", "") == [1]
    assert q.dump() == {"limits": {"f": ""}}


def test_names_behind_which_somebody_waits_get_another_turn(q):
    assert q.call("install_limits", "f", "2 all\n", "all", "f:k") == [1]
    assert q.call("install_limits", "f", "2 all\n", "old") == [0]
    assert q.dump() == {"limits": {"f": "2 all\n"}, "unsettled": {"all", "f:k", "old"}}


def test_a_heartbeat_is_set_and_renewed(q):
    for ttl in (500, 60000):
        assert q.call_on("chronos:scheduler:s1", "keep_alive", "1", ttl) == [1]
        assert ttl - 400 < q.redis.pttl("chronos:scheduler:s1") <= ttl
    assert q.redis.get("chronos:scheduler:s1") == "1"


def test_a_group_is_made_once_and_reads_from_the_beginning(q):
    stream = "{c0}:ready:f"
    assert q.call_on(stream, "make_group", "workers") == [1]
    assert q.call_on(stream, "make_group", "workers") == [0]
    [group] = q.redis.xinfo_groups(stream)
    assert (group["name"], group["last-delivered-id"]) == ("workers", "0-0")
    assert q.redis.xlen(stream) == 0


def test_a_group_is_not_made_of_something_else(q):
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        q.call("register_scheduler", "s1", 1000)
        q.call_on("{c0}:schedulers", "make_group", "workers")
