"""The daemons as an operator meets them: starting, refusing, draining, and keeping secrets."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from ops.stack.daemons import clean_environment
from promises import check_promises


def run_program(engine, kind, *arguments, **environment):
    program = os.path.join(engine.stack.build, engine.stack.programs[kind])
    env = {**clean_environment(), **engine.stack.daemon_environment(**environment)}
    return subprocess.run([program, *arguments], env=env, capture_output=True, text=True, check=False, timeout=20)


def test_help_and_version(engine):
    for kind in ("worker", "scheduler"):
        shown = run_program(engine, kind, "--help")
        assert shown.returncode == 0 and "CHRONOS_REDIS_URL" in shown.stdout
        shown = run_program(engine, kind, "--version")
        assert shown.returncode == 0 and re.match(rf"chronos-{kind} \S+\n$", shown.stdout)
        shown = run_program(engine, kind, "--wrong")
        assert shown.returncode == 2 and "--wrong" in shown.stderr


@pytest.mark.parametrize("kind, name, value, told", [
    ("worker", "CHRONOS_WORKER_THREADS", "0", "1 to 1024"),
    ("worker", "CHRONOS_WORKER_THREADS", "many", "1 to 1024"),
    ("worker", "CHRONOS_WORKER_THREADS", "8x", "1 to 1024"),
    ("worker", "CHRONOS_LEASE_MS", "499", "500 to 600000"),
    ("scheduler", "CHRONOS_LEASE_MS", "99999999999999999999", "500 to 600000"),
    ("scheduler", "CHRONOS_MAX_EVENT_BYTES", "-1", "1024 to 16777216"),
    ("scheduler", "CHRONOS_RETENTION_RUNS_DAYS", "30", "CHRONOS_RETENTION_EVENTS_DAYS (90)"),
    ("scheduler", "CHRONOS_LOG_LEVEL", "loud", "error, warn, info or debug"),
    ("worker", "CHRONOS_LIMITS", "creator", "name=max"),
    ("worker", "CHRONOS_LIMITS", "creator=0", "from 1 to 1000000"),
    ("worker", "CHRONOS_RETRY_MAX_MS", "10", "CHRONOS_RETRY_BASE_MS"),
    ("worker", "CHRONOS_EMBED_USD_PER_MILLION_TOKENS", "nan", "0 to 1000"),
    ("worker", "CHRONOS_EMBEDDER", "other", "openai or embedded"),
    ("worker", "OTEL_EXPORTER_OTLP_HEADERS", ",".join(f"x-{n}=1" for n in range(16)), "at most 15 headers, not 16"),
])
def test_a_bad_setting_is_refused_with_its_name_value_and_bounds(engine, kind, name, value, told):
    done = run_program(engine, kind, **{name: value})
    assert done.returncode == 2
    assert name in done.stderr and told in done.stderr
    assert value[:64] in done.stderr or name.startswith("OTEL_"), "one that may be secret is not shown"


@pytest.mark.parametrize("setting, value, told", [
    ("appendonly", "no", "appendonly yes"),
    ("maxmemory-policy", "allkeys-lru", "noeviction"),
])
def test_a_redis_that_could_lose_work_is_refused(engine, setting, value, told):
    engine.configure_redis(setting, value)
    for kind in ("scheduler", "worker"):
        done = run_program(engine, kind)
        assert done.returncode == 1 and told in done.stderr


def test_a_stopping_worker_finishes_what_it_runs(engine):
    engine.start()
    entry = engine.send("test/slow", {"ms": 1200})
    engine.wait_for(function="test-slow", what="start")
    engine.send("test/noop", {})
    assert engine.daemon("worker-1").stop() == 0
    assert len(engine.happenings(function="test-slow", what="end")) == 1
    engine.stack.start_worker()
    run = engine.wait_for_run(entry, status="completed")
    assert (run["attempts"], run["deaths"]) == (1, 0)
    assert len(engine.happenings(function="test-slow", what="start")) == 1
    check_promises(engine)


@pytest.mark.parametrize("name, deaths", [("test/slow", 0), ("test/deaf", 1)])
def test_past_the_grace_work_is_given_to_others_unattempted(engine, name, deaths):
    """A step that does not listen is left behind, and its run handed on at once all the same."""
    engine.stack.start_worker(wait=False, CHRONOS_DRAIN_MS=300)
    engine.stack.start_scheduler()
    entry = engine.send(name, {"ms": 2500 if deaths == 0 else 9000})
    started = engine.wait_for(what="start")[0]
    stopping = time.monotonic()
    engine.daemon("worker-1").stop()
    assert time.monotonic() - stopping < 7
    engine.stack.start_worker()
    again = engine.wait_for(2, deadline=8, what="start")[1]
    assert again.pid != started.pid and again.attempt == 1
    run = engine.wait_for_run(entry, status="completed", deadline=15)
    assert run["attempts"] == 1 and run["deaths"] <= deaths
    check_promises(engine)


def test_a_worker_that_leaves_leaves_nothing_behind(engine):
    engine.start(workers=2)
    engine.run("test/three")
    engine.daemon("worker-1").stop()
    engine.daemon("worker-2").stop()
    assert list(engine.redis.scan_iter("chronos:worker:*")) == []
    consumers = [engine.redis.xinfo_consumers(k, "workers") for k in engine.keys("ready:*")]
    assert consumers and not any(consumers)


def test_a_step_that_comes_back_while_the_worker_ends_without_it_breaks_nothing(engine):
    """It is given up 5 to 6 s after the signal; then the last spans are sent, for 2 s, to somebody who does not answer: it comes
    back in between, unless the machine is too busy for this test."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine.start(CHRONOS_DRAIN_MS=0, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        engine.run("test/three")  # whose spans are to be sent
        entry = engine.send("test/deaf", {"ms": 7000})
        engine.wait_for(function="test-deaf", what="start")
        time.sleep(0.4)
        worker = engine.daemon("worker-1")
        worker.process.signal(signal.SIGTERM)
        engine.wait_until(lambda: not worker.process.is_running(), 15, "the worker's end")
        assert worker.process.exit_status() == 0
        worker.start()
        engine.wait_for_run(entry, status="completed")
        check_promises(engine)


def test_secrets_are_nowhere(engine):
    canaries = {
        "OPENAI_API_KEY": "canary-openai-1f9a", "MUX_TOKEN_SECRET": "canary-mux-27bb",
        "SUPABASE_SERVICE_ROLE_KEY": "canary-supabase-3c0d", "CHRONOS_TRANSCRIBE_KEY": "canary-transcribe-44e1",
        "CHRONOS_YOUTUBE_KEY": "canary-youtube-5d5e",
    }
    password = "canary-postgres-6e6f"
    url = engine.stack.database_url.replace("chronos@", f"chronos:{password}@")
    engine.start(CHRONOS_DATABASE_URL=url, CHRONOS_LOG_LEVEL="debug", **canaries)
    run = engine.run("test/permanent", {"how": "secret"}, function="test-permanent", status="failed")
    engine.run("test/permanent", {}, function="test-permanent", status="failed")
    assert "bad key" in run["error_message"]
    engine.wait_quiet()
    places = {}
    for path in engine.stack.logs():
        with open(path, encoding="utf-8", errors="replace") as f:
            places[os.path.basename(path)] = f.read()
    tables = engine.rows("select tablename from pg_tables where schemaname in ('chronos', 'public')")
    for t in tables:
        schema = engine.value("select schemaname from pg_tables where tablename = %s limit 1", t["tablename"])
        places[t["tablename"]] = str(engine.rows(f'select t::text from {schema}."{t["tablename"]}" t'))
    for aof in engine.stack.redis.data_folders():
        for name in os.listdir(aof):
            with open(os.path.join(aof, name), encoding="latin-1") as f:
                places[os.path.join(aof, name)] = f.read()  # everything that Redis was ever told
    for secret in (*canaries.values(), password):
        found = [place for place, text in places.items() if secret in text]
        assert not found, f"{secret} is in {found}"
    for kind in ("worker", "scheduler"):
        assert "canary-" not in run_program(engine, kind, "--help", **canaries).stdout


def test_a_secret_may_come_from_a_file(engine, tmp_path):
    path = tmp_path / "key"
    path.write_text("canary-from-file-7a7b\n")
    engine.start(OPENAI_API_KEY_FILE=path)
    assert not engine.log_contains("canary-from-file")
    assert engine.log_contains(r"name=CHRONOS_EMBEDDER value=openai")


def test_a_misspelt_setting_is_told(engine):
    engine.start(CHRONOS_LEASE="1")
    assert engine.log_contains("unknown setting is ignored.*CHRONOS_LEASE")
