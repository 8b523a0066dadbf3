"""YouTube is down for an hour while videos come in. The hour passes by moving what Redis remembers of it into the past: when
the failure began, when the pause ends, and since when each run has waited."""

import os

import pytest

import pipeline as p
from drills.alerts import Alerts
from harness.fixtures import WORKER, finish, variant
from ops.stack import Stack
from promises import Engine, check_promises
from test_paused_services import expect_no_attempt_used, held, make_videos, paused, services

HOUR_MS = 3600000
VIDEOS = 8
ALERT = "ChronosProviderPaused"


@pytest.fixture
def engine(session_folder, database):
    """With a sandbox of its own, to be stopped at will. Steps wait for a service as long as in operation."""
    stack = Stack(os.path.join(session_folder, "drill-provider"), variant(), worker=WORKER, database_url=database,
                  metrics=True, environment={"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60"})
    e = Engine(stack)
    stack.prometheus = Alerts(stack)
    try:
        stack.start_redis()
        stack.start_sandbox()
        stack.start_scheduler()
        for _ in range(3):
            stack.start_worker()
        stack.start_prometheus()
        yield e
    finally:
        finish(e)


def pass_hour(engine):
    """Returns the runs that had waited for a service before, and wait for more than an hour now."""
    for key in engine.redis.scan_iter("chronos:service:*"):
        for field in ("since", "until"):
            if engine.redis.hexists(key, field):
                engine.redis.hincrby(key, field, -HOUR_MS)
    waiting = set()
    for run in held(engine):
        [key] = engine.keys("run:" + run)
        service, since, *rest = engine.redis.hget(key, "held").split("\n")
        engine.redis.hset(key, "held", "\n".join([service, str(int(since) - HOUR_MS), *rest]))
        waiting.add(run)
    return waiting


def test_provider_down_for_an_hour(engine):
    alerts = engine.stack.prometheus
    before, *videos = make_videos(engine, 1 + VIDEOS)
    engine.sent.append(p.extract(engine, before))
    p.wait_for_embeddings(engine, before)
    assert ALERT not in alerts.firing()
    engine.sandbox.process.kill()
    for video in videos:
        engine.sent.append(p.extract(engine, video))
    engine.wait_until(lambda: len(held(engine)) == VIDEOS, 60, "all runs to wait for the service")
    alerts.wait_firing(ALERT)
    fails = int(services(engine)["youtube"]["fails"])
    assert len(pass_hour(engine)) == VIDEOS
    # it was asked once more, and found to be still down
    engine.wait_until(lambda: int(services(engine)["youtube"]["fails"]) > fails, 60, "a probe")
    engine.wait_until(lambda: len(held(engine)) == VIDEOS, 60, "all runs to wait again")
    engine.sandbox.start()
    for video in videos:
        p.wait_for_embeddings(engine, video, deadline=120)
    alerts.wait_clear(ALERT)
    assert paused(engine) == [] and held(engine) == {}
    check_promises(engine, allow_errors=["service is paused"])
    expect_no_attempt_used(engine, [before, *videos])
    assert not alerts.ever_fired("ChronosInvariantViolated")
