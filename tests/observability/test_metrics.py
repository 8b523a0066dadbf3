"""What the daemons show at /metrics, /health and /ready, against Prometheus' own checker, ops/metrics.md and what happened."""

import os
import re
import time

from conftest import Samples, get, promtool, samples, total
from ops.stack import repository

DAEMONS = {"scheduler": "scheduler-1", "worker": "worker-1", "console": "console"}
ALLOWED_LABELS = {
    "version", "level", "command", "class", "query", "function", "outcome", "step", "result", "provider", "code", "kind",
    "admission", "reason", "route", "method", "state", "limit", "mode", "stream", "server", "source", "le",
}


def documented():
    """{name: (type, set of labels, set of kinds of daemon)} of the table in ops/metrics.md."""
    with open(os.path.join(repository(), "ops", "metrics.md"), encoding="utf-8") as f:
        rows = [[c.strip() for c in line.strip().strip("|").split("|")] for line in f if line.startswith("| `chronos_")]
    found = {}
    for name, kind, labels, daemons, _ in rows:
        found[name.strip("`")] = (kind, set(re.findall(r"[a-z_]+", labels)), set(re.findall(r"[a-z]+", daemons)))
    assert len(found) == len(rows), "a metric is told twice"
    return found


def shown(chronos):
    found = {}
    for d in chronos.stack.daemons.values():
        kind = d.name.partition("-")[0]
        if kind not in DAEMONS:
            continue
        s = samples(chronos, d.name)
        for name, (type_, _) in s.families.items():
            if not name.startswith("chronos_"):
                continue
            sample = name + "_bucket" if type_ == "histogram" else name
            entry = found.setdefault(name, (type_, set(), set()))
            entry[1].update(s.labels(sample) - {"le"})
            entry[2].add(kind)
    return found


def test_promtool_finds_nothing_wrong(observed):
    for daemon in ("scheduler-1", "worker-1", "worker-2", "console"):
        status, text, kind = get(observed.stack.metrics_address(daemon))
        assert status == 200 and kind.startswith("text/plain; version=0.0.4")
        status, said = promtool("check", "metrics", text=text)
        assert (status, said.strip()) == (0, "")


def test_the_document_says_what_the_daemons_show(observed):
    told = {name: (kind, labels, daemons)
            for name, (kind, labels, daemons) in documented().items()}
    observed.wait_until(lambda: set(told) <= set(shown(observed)), 60, "every metric to appear",
                        seen=lambda: sorted(set(told) - set(shown(observed))))
    found = shown(observed)
    assert sorted(set(found) - set(told)) == []
    for name, (kind, labels, daemons) in told.items():
        assert found[name][0] == kind, name
        assert found[name][1] == labels, name
        # one that happens to a single daemon may be noted by the other later: at least it is no stranger
        assert found[name][2] <= daemons, name


def test_labels_are_few_and_never_ids(observed):
    for daemon in DAEMONS.values():
        s = samples(observed, daemon)
        per_metric = {}
        for name, pairs in s.values:
            per_metric[name] = per_metric.get(name, 0) + 1
            for label, value in pairs:
                assert label in ALLOWED_LABELS, (name, label)
                assert not re.search(r"creator-\d|[0-9A-Z]{26}|[0-9a-f]{8}-[0-9a-f]{4}-|\d{10}", value), (name, value)
        assert max(per_metric.values()) < 1500, per_metric


def test_counters_agree_with_the_archive(running_alone):
    c = running_alone
    for i in range(30):
        c.send_event("test/flaky", {"creatorId": f"c{i}", "until": 2})
    failed = c.send_event("test/permanent", {"creatorId": "c"})
    c.redis.xadd("chronos:events", {"what": "no name"})
    c.send_event("nobody/listens", {})
    c.wait_for_run(failed)
    c.wait_for_function("test-flaky", 30)
    c.wait_until(lambda: total(c, "chronos_events_total", outcome="unmatched"), what="the last event")
    w, s = samples(c, "worker-1"), samples(c, "scheduler-1")
    assert w.sum("chronos_runs_started_total", function="test-flaky") == 30
    assert w.sum("chronos_runs_finished_total", function="test-flaky", outcome="completed") == 30
    assert w.sum("chronos_runs_finished_total", function="test-permanent", outcome="failed") == 1
    assert w.sum("chronos_step_attempts_total", function="test-flaky", step="try", outcome="failed") == 30
    assert w.sum("chronos_step_failures_total", function="test-flaky", step="try") == 30
    assert w.sum("chronos_step_failures_total", function="test-permanent", **{"class": "permanent"}) == 1
    assert w.sum("chronos_run_queue_wait_seconds_count", function="test-flaky") == 30
    assert w.sum("chronos_run_end_to_end_seconds_count", function="test-flaky") == 30
    assert s.sum("chronos_runs_enqueued_total", function="test-flaky") == 30
    assert s.sum("chronos_events_total", outcome="rejected") == 1
    # with the failure's own event, which the engine sends
    assert s.sum("chronos_events_total", outcome="accepted") >= 31
    assert w.sum("chronos_worker_threads") == 32
    assert w.sum("chronos_late_commits_refused_total") == 0


def test_what_alerts_ask_for_is_there_before_it_happens(running_alone):
    """Growth is seen only of what was there before."""
    c = running_alone
    c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_leases_expired_total", function="test-noop") == 0,
                 20, "the scheduler to know the functions")
    w, s = samples(c, "worker-1"), samples(c, "scheduler-1")
    for outcome in ("completed", "failed"):
        assert w.sum("chronos_runs_finished_total", function="test-noop", outcome=outcome) == 0
    assert w.sum("chronos_runs_started_total", function="test-noop") == 0
    assert w.sum("chronos_run_queue_wait_seconds_bucket", function="test-noop", le="30") == 0
    for outcome in ("accepted", "duplicate", "unmatched", "rejected"):
        assert s.sum("chronos_events_total", outcome=outcome) is not None
    assert s.sum("chronos_cron_ticks_total", function="test-ticking", result="missed") == 0
    for daemon in (w, s):
        for store in ("redis", "postgres"):
            assert daemon.sum(f"chronos_{store}_errors_total", **{"class": "unavailable"}) == 0


def test_a_rebuild_is_shown(running_alone):
    c = running_alone
    name = "chronos_redis_last_rebuild_timestamp_seconds"
    c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_sampler_last_success_timestamp_seconds", source="postgres"),
                 20, "the figures of postgres")
    assert samples(c, "scheduler-1").sum(name) == 0
    began = time.time()
    c.redis.flushall()
    c.wait_until(lambda: samples(c, "scheduler-1").sum(name) >= began, 60, "the rebuild to be shown")


def test_figures_of_state_follow_what_is_there(running_alone):
    c = running_alone
    for i in range(9):
        c.send_event("test/limited", {"creatorId": f"c{i}", "ms": 8000})
    c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_limit_running_runs", limit="test-all") == 3,
                 15, "the limit to be full")
    s = samples(c, "scheduler-1")
    assert s.sum("chronos_limit_capacity_runs", limit="test-all") == 3
    assert s.sum("chronos_limit_waiting_queues", limit="test-all") == 6
    assert s.sum("chronos_running_runs", function="test-limited") == 3
    assert s.sum("chronos_admission_denied_total", function="test-limited", reason="limit") == 6
    c.wait_until(lambda: samples(c, "scheduler-1").sum("chronos_backlog_runs", function="test-limited",
                                                       state="waiting") == 6, 15, "an audit to come past them")
    assert samples(c, "scheduler-1").sum("chronos_backlog_oldest_age_seconds", function="test-limited",
                                         state="waiting") > 0


def test_ready_means_ready(chronos):
    c = chronos
    c.stack.metrics = True
    worker = c.stack.start_worker(wait=False)
    address = c.stack.metrics_address(worker.name)

    def state(path):
        try:
            return get(address, path)[:2]
        except OSError:
            return None

    c.wait_until(lambda: state("/health") == (200, "ok\n"), what="the worker to listen")
    if not c.stack.redis_url.count(","):
        c.redis.flushall()
    scheduler = c.stack.start_scheduler()
    worker.wait_ready()
    assert state("/ready") == (200, "ready\n")
    assert get(c.stack.metrics_address(scheduler.name), "/ready")[:2] == (200, "ready\n")
    c.stack.redis.stop()
    c.wait_until(lambda: state("/ready")[0] == 503, 20, "the worker to miss redis")
    assert "redis" in state("/ready")[1]
    assert state("/health") == (200, "ok\n")
    c.stack.start_redis()
    c.wait_until(lambda: state("/ready")[0] == 200, 20, "the worker to be ready again")


def test_only_what_there_is_can_be_asked_for(running_alone):
    address = running_alone.stack.metrics_address("worker-1")
    assert get(address, "/")[0] == 404
    assert get(address, "/metrics", "POST")[0] == 405
    assert Samples(get(address)[1]).sum("process_open_fds") > 3


def test_a_port_that_is_taken_stops_the_start(running_alone):
    c = running_alone
    port = c.stack.metrics_address("worker-1").rpartition(":")[2]
    second = c.stack.start_worker("second", wait=False, CHRONOS_METRICS_PORT=port)
    c.wait_until(lambda: not second.process.is_running(), 15, "the second worker to end")
    assert second.log_contains("CHRONOS_METRICS_PORT")
