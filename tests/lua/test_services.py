"""Outside services that are paused for all workers, and asked by one at a time whether they are back."""

import time

import pytest

KEY = "chronos:service:speech:1234"
GO, PAUSED, PROBE, BEGAN, ENDED = 0, 1, 2, 3, 4


class Service:
    def __init__(self, p):
        self.p = p

    def enter(self, who="w1", lease_ms=60000):
        return self.p.call_on(KEY, "enter_service", who, lease_ms)

    def leave(self, outcome, who="w1", delay_ms=0, reason="HTTP 503"):
        return self.p.call_on(KEY, "leave_service", who, outcome, delay_ms, reason)

    def fail(self, times=3):
        return [self.leave("outage")[0] for _ in range(times)][-1]

    def end_pause(self):
        """As if the time had passed."""
        self.p.redis.hset(KEY, "until", 1)

    @property
    def known(self):
        return self.p.redis.hgetall(KEY)


@pytest.fixture
def service(p):
    yield Service(p)
    p.redis.delete(KEY)


def test_nothing_is_kept_of_a_service_that_is_well(service):
    assert service.enter()[0] == GO
    assert service.leave("ok")[0] == GO
    assert service.known == {}


def test_three_failures_in_a_row_pause_it_for_all(service):
    assert service.leave("outage", "w1")[0] == GO
    assert service.leave("outage", "w2")[0] == GO
    assert service.enter("w3")[0] == GO
    code, wait, since, oks, kind, reason, now = service.leave("outage", "w3", reason="speech: HTTP 500")
    assert (code, oks, kind, reason) == (BEGAN, 0, "down", "speech: HTTP 500")
    assert 0 < wait <= 2000
    assert since <= now
    for who in ("w1", "w2", "w4"):
        code, left, told, _, kind, reason, _ = service.enter(who)
        assert (code, told, kind, reason) == (PAUSED, since, "down", "speech: HTTP 500")
        assert 0 < left <= wait
    assert service.p.redis.ttl(KEY) > 6 * 24 * 3600


def test_an_answer_in_between_begins_the_count_anew(service):
    service.fail(2)
    assert service.leave("ok")[0] == GO
    assert service.fail(2) == GO
    assert service.fail(1) == BEGAN


def test_one_probe_at_a_time_over_all_workers(service):
    service.fail()
    service.end_pause()
    assert service.enter("w1")[0] == PROBE
    assert [service.enter(who)[0] for who in ("w2", "w3", "w4")] == [PAUSED] * 3
    assert service.enter("w1")[0] == PROBE, "its own lease, renewed"
    assert service.leave("ok", "w1")[0] == ENDED
    assert [service.enter(who)[0] for who in ("w1", "w2", "w3")] == [GO] * 3


def test_a_probe_that_fails_pauses_it_for_longer(service):
    service.fail()
    since, waits = int(service.known["since"]), []
    for _ in range(7):
        service.end_pause()
        assert service.enter("w1")[0] == PROBE
        code, wait, told, *_ = service.leave("outage", "w1")
        assert (code, told) == (PAUSED, since)
        waits.append(round(wait / 1000))
        assert service.enter("w2")[0] == PAUSED
    assert waits == [4, 8, 16, 30, 30, 30, 30]


def test_a_failure_that_was_under_way_does_not_make_the_pause_longer(service):
    service.fail()
    until = service.known["until"]
    assert service.leave("outage", "w2")[0] == PAUSED
    assert service.known["until"] == until


def test_a_prober_that_died_is_followed_by_another(service):
    service.fail()
    service.end_pause()
    assert service.enter("dead", lease_ms=50)[0] == PROBE
    assert service.enter("w2")[0] == PAUSED
    time.sleep(0.06)
    assert service.enter("w2")[0] == PROBE
    # and if it lives after all, its word counts, but it is not the probe
    assert service.leave("none", "dead")[0] == PAUSED
    assert service.known["probe"] == "w2"
    assert service.enter("w3")[0] == PAUSED


def test_a_probe_of_which_nothing_can_be_said_leaves_it_to_the_next(service):
    service.fail()
    service.end_pause()
    service.enter("w1")
    assert service.leave("none", "w1")[0] == PAUSED
    assert service.enter("w2")[0] == PROBE


def test_when_a_person_has_to_act_it_is_paused_at_once(service):
    code, wait, _, _, kind, *_ = service.leave("stop", reason="no credit left")
    assert (code, kind) == (BEGAN, "stopped")
    assert 14000 < wait <= 15000
    # one that was asked before does not prove that the next one is served
    assert service.leave("ok", "w2")[0] == PAUSED
    assert service.leave("outage", "w2")[0] == PAUSED
    service.end_pause()
    assert service.enter("w2")[0] == PROBE
    assert service.leave("ok", "w2")[0] == ENDED


def test_an_answer_ends_the_pause_of_one_that_was_down(service):
    service.fail()
    assert service.leave("ok", "w2")[0] == ENDED
    assert service.enter("w3")[0] == GO


def test_it_names_the_time_itself(service):
    code, wait, _, _, kind, *_ = service.leave("rate", delay_ms=20000)
    assert (code, kind) == (BEGAN, "rate")
    assert 19000 < wait <= 20000
    assert service.leave("rate", "w2", delay_ms=5000)[0] == PAUSED
    assert service.enter("w2")[1] > 18000, "the longer one stays"
    assert service.leave("ok", "w3")[0] == PAUSED
    service.end_pause()
    assert [service.enter(who)[0] for who in ("w1", "w2")] == [GO, GO]


def test_slowing_down_has_bounds(service):
    assert service.leave("rate", delay_ms=900000)[1] <= 60000
    service.p.redis.delete(KEY)
    assert 900 < service.leave("rate", delay_ms=0)[1] <= 1000


def test_answers_are_counted_while_something_is_remembered(service):
    service.fail(1)
    assert service.leave("ok", "w2")[3] == 1
    assert service.leave("ok", "w2")[3] == 2
    assert service.leave("outage", "w1")[3] == 2
