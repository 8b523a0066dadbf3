"""Spans go to a collector as OTLP: well-formed, whole, in the trace of their event; and work does not care whether it is there."""

import pytest

from promises import check_promises
from sandbox.collector import Collector
from test_flow import run_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def collector():
    with Collector() as c:
        yield c
        assert not c.errors, c.errors[:3]


def spans_of(engine, collector, run_id, count):
    """By name, once as many have come."""
    def found():
        return [s for s in collector.spans if s["attributes"].get("chronos.run_id") == run_id]

    engine.wait_until(lambda: len(found()) >= count, 15, f"{count} spans of run {run_id}", seen=lambda: (found(), collector.errors))
    assert len(found()) == count, found()
    return {s["name"]: s for s in found()}


def start(engine, collector, **settings):
    engine.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings)


def test_a_run_its_wait_and_its_steps_are_spans_of_one_trace(engine, collector):
    start(engine, collector, OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test%20one,team=a",
          OTEL_EXPORTER_OTLP_HEADERS="x-key=secret%20value,x-other=2")
    run = run_of(engine, engine.send("test/three", {}, traceparent=GIVEN))
    spans = spans_of(engine, collector, run["id"], 5)
    root = spans.pop("test-three")
    assert root["parentSpanId"] == "00f067aa0ba902b7" and root["kind"] == 5 and not root["failed"]
    assert {s["traceId"] for s in (root, *spans.values())} == {TRACE}
    assert {s["parentSpanId"] for s in spans.values()} == {root["spanId"]}
    assert set(spans) == {"queued", *[s["step"] for s in engine.steps_of(run)]}
    steps = [s for name, s in spans.items() if name != "queued"]
    assert all(s["attributes"]["chronos.attempt"] == 1 and s["attributes"]["chronos.wait_ms"] >= 0 for s in steps)
    assert spans["queued"]["startTimeUnixNano"] == root["startTimeUnixNano"]
    assert int(spans["queued"]["endTimeUnixNano"]) <= min(int(s["startTimeUnixNano"]) for s in steps)
    resource = root["resource"]
    assert (resource["service.name"], resource["team"], resource["deployment.environment"]) == ("chronos-worker", "a", "test one")
    assert resource["service.version"] and resource["service.instance.id"]
    assert collector.requests[0]["headers"]["x-key"] == "secret value"
    assert not engine.log_contains("secret.value")


def test_each_attempt_is_a_span_and_a_failure_is_told(engine, collector):
    start(engine, collector, CHRONOS_RETRY_BASE_MS=20)
    run = run_of(engine, engine.send("test/sender", {"count": 1}))
    spans_of(engine, collector, run["id"], 5)
    stumbles = [s for s in collector.spans if s["attributes"].get("chronos.step") == "stumble"]
    assert [(s["attributes"]["chronos.attempt"], s["failed"]) for s in stumbles] == [(1, True), (2, False)]
    assert stumbles[0]["attributes"]["error.type"] and len({s["spanId"] for s in stumbles}) == 2
    failed = run_of(engine, engine.send("test/permanent", {"how": "fail"}), "failed")
    assert spans_of(engine, collector, failed["id"], 3)["test-permanent"]["failed"]


def test_what_nobody_wants_to_keep_is_not_sent(engine, collector):
    start(engine, collector)
    quiet = run_of(engine, engine.send("test/echo", {}, traceparent=GIVEN[:-1] + "0"))
    told = run_of(engine, engine.send("test/echo", {}))
    spans_of(engine, collector, told["id"], 3)
    assert not [s for s in collector.spans if s["attributes"].get("chronos.run_id") == quiet["id"]]


def test_calls_of_services_are_spans_under_their_step(provided, collector):
    start(provided, collector)
    video = provided.make_video("youtube")
    entry = provided.send_event("video/transcript.extract", {
        "videoId": str(video["id"]), "creatorId": str(video["creator_id"])}, traceparent=GIVEN)
    provided.wait_for_run(entry, function="extract-video-transcript", status="completed", deadline=30)

    def calls():
        return [s for s in collector.spans if s["kind"] == 3]

    provided.wait_until(calls, 15, "the spans of calls")
    steps = {s["spanId"]: s for s in collector.spans if "chronos.step" in s["attributes"]}
    sent = {r["headers"].get("traceparent", "").split("-")[2] for r in provided.sandbox.requests()["requests"]}
    for s in calls():
        assert s["parentSpanId"] in steps and s["spanId"] in sent
        assert s["attributes"]["http.response.status_code"] == 200
        assert s["attributes"]["server.address"] == "127.0.0.1"


def test_a_collector_that_is_away_costs_spans_and_no_work(engine, collector):
    collector.status = 503
    start(engine, collector)
    entries = [engine.send("test/echo", {}) for _ in range(200)]
    for entry in entries:
        run_of(engine, entry)
    engine.wait_until(lambda: engine.log_contains("code=spans-dropped .*dropped=[1-9]", "worker-1"), 30, "the warning")
    collector.status = 200
    run = run_of(engine, engine.send("test/echo", {}))
    spans_of(engine, collector, run["id"], 3)
    check_promises(engine)


def test_what_a_collector_refuses_of_a_batch_is_counted(engine, collector):
    collector.rejects = 2
    start(engine, collector)
    run_of(engine, engine.send("test/echo", {}))
    engine.wait_until(lambda: engine.log_contains("code=spans-dropped .*dropped=2", "worker-1"), 15, "the warning")


def test_the_last_spans_are_sent_when_a_worker_ends(engine, collector):
    start(engine, collector)
    run = run_of(engine, engine.send("test/echo", {}))
    engine.daemon("worker-1").stop()
    spans_of(engine, collector, run["id"], 3)


def test_a_dead_address_does_not_keep_a_worker_from_ending(engine):
    engine.start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    run_of(engine, engine.send("test/echo", {}))
    engine.daemon("worker-1").stop()
    assert engine.log_contains("code=spans-dropped .*dropped=3", "worker-1")
    assert engine.log_contains("code=stopped", "worker-1")
