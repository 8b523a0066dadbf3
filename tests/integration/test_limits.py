"""Limits: never passed, never leaked, and one creator's backlog is not another's."""

import json
import threading

from promises import check_promises, overlap


class Sampler:
    """The most holders that Redis ever showed of each limit."""

    def __init__(self, engine):
        self.engine, self.most, self.stopping = engine, {}, threading.Event()
        self.thread = threading.Thread(target=self.main, daemon=True)
        self.thread.start()

    def main(self):
        while not self.stopping.wait(0.005):
            for name, holders in self.engine.slots().items():
                self.most[name] = max(self.most.get(name, 0), holders)

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
        return self.most


def test_a_creators_limit_holds_and_its_backlog_delays_nobody(engine):
    engine.start(workers=2)
    engine.run("test/slow", {"creatorId": "warm", "ms": 1})
    sampler = Sampler(engine)
    big = [engine.send("test/slow", {"creatorId": "big", "ms": 3000}) for _ in range(40)]
    engine.wait_for(20, function="test-slow", what="start", creator="big")
    small = [engine.send("test/slow", {"creatorId": "small", "ms": 50}) for _ in range(5)]
    started = engine.wait_for(5, function="test-slow", what="start", creator="small")
    first_end = engine.wait_for(1, function="test-slow", what="end", creator="big")[0]
    assert started[-1].at < first_end.at, "the second creator waited for the first one's runs"
    for entry in big + small:
        engine.wait_for_run(entry, status="completed")
    assert overlap(engine.happenings(function="test-slow", creator="big")) == 20
    most = sampler.stop()
    assert most["fn/test-slow:big"] == 20 and most["fn/test-slow:small"] == 5
    check_promises(engine)
    assert not engine.slots()


def test_a_limit_over_all_is_shared_fairly(engine):
    """Two per creator, three over all; 30 runs of one creator stand before 3 of another."""
    engine.start(workers=2)
    engine.run("test/limited", {"creatorId": "warm", "ms": 1})
    many = [engine.send("test/limited", {"creatorId": "many", "ms": 60}) for _ in range(30)]
    few = [engine.send("test/limited", {"creatorId": "few", "ms": 60}) for _ in range(3)]
    few_ended = max(engine.wait_for_run(e, status="completed")["finished_at"] for e in few)
    many_ended = sorted(engine.wait_for_run(e, status="completed")["finished_at"] for e in many)
    assert few_ended < many_ended[12]
    most = overlap(engine.happenings(function="test-limited"))
    assert most == 3 or most < 3 and len(engine.prefixes) > 1  # moving a share to where runs wait takes a moment
    check_promises(engine)


def test_limits_can_be_set(engine):
    engine.start(CHRONOS_LIMITS="test-slow=2,test-all=1")
    for _ in range(8):
        engine.send("test/slow", {"creatorId": "set", "ms": 60})
        engine.send("test/limited", {"creatorId": "set", "ms": 20})
    check_promises(engine)
    assert overlap(engine.happenings(function="test-slow")) == 2
    assert overlap(engine.happenings(function="test-limited")) == 1


def test_a_lowered_limit_is_never_passed_and_a_raised_one_is_used(engine):
    engine.start(CHRONOS_LIMITS="test-slow=6")
    for _ in range(200):
        engine.send("test/slow", {"creatorId": "c", "ms": 250})
    engine.wait_for(6, function="test-slow", what="start")
    engine.stack.start_worker(name="lower", CHRONOS_LIMITS="test-slow=2")
    engine.wait_until(lambda: engine.redis.hget(engine.home("c") + ":limits", "test-slow").startswith("2 "), 5, "the new limit")
    engine.wait_until(lambda: engine.slots().get("fn/test-slow:c", 0) <= 2, 5, "the runs above the limit to end")
    sampler = Sampler(engine)
    engine.wait_for(len(engine.happenings(function="test-slow", what="end")) + 6, function="test-slow", what="end")
    assert sampler.stop()["fn/test-slow:c"] == 2
    engine.stack.start_worker(name="higher", CHRONOS_LIMITS="test-slow=12")
    engine.wait_until(lambda: engine.redis.scard(engine.home("c") + ":slots:fn/test-slow:c") > 6, 5, "the raised limit to be used")
    check_promises(engine)


def test_runs_that_wait_under_a_limit_that_is_gone_go_on(engine):
    """A deployment may take a limit away or give it another name while runs wait for it."""
    engine.start()
    engine.run("test/flaky", {"creatorId": "c"})
    entries = [engine.send("test/sleeper", {"creatorId": "c", "ms": 1})]
    first = [engine.send("test/limited", {"creatorId": "c", "ms": 400}) for _ in range(8)]
    engine.wait_for(2, function="test-limited", what="start")
    engine.wait_until(lambda: engine.redis.zcard(engine.home("c") + ":wait:test-limited:c") == 6, 5, "six waiting runs")
    manifest = json.loads(engine.redis.hget("chronos:functions", "test-limited"))
    manifest["limits"] = [{"name": "fn/renamed:$", "max": 2}]
    engine.redis.hset("chronos:functions", "test-limited", json.dumps(manifest))
    for entry in entries + first:
        engine.wait_for_run(entry, status="completed", deadline=10)
