"""Canaries in every secret setting, in what providers answer and in what users send, while everything goes wrong that can:
they appear in no log, no table, no Redis, no error and no command line. An event's own data is kept as the user sent it,
and nowhere else."""

import json
import os
import re
import subprocess

from harness.fixtures import variant
from ops.stack import repository

KEYS = {  # every setting whose type is SECRET, and a token that is shown by its name only
    "OPENAI_API_KEY": "canary-openai-1f9a", "MUX_TOKEN_SECRET": "canary-mux-27bb",
    "SUPABASE_SERVICE_ROLE_KEY": "canary-supabase-3c0d", "CHRONOS_TRANSCRIBE_KEY": "canary-transcribe-44e1",
    "CHRONOS_YOUTUBE_KEY": "canary-youtube-5d5e", "WHOP_API_KEY": "canary-whop-8e8f",
    "MUX_PRIVATE_KEY": "canary-signing-f0f1",
    "CHRONOS_CONSOLE_SECRET": "canary-console-0123456789abcdef0123456789abcdef", "STORAGE_SECRET": "canary-storage-" + "a1" * 20,
    "INNGEST_SIGNING_KEY": "signkey-test-" + "c0ffee11" * 4, "INNGEST_SIGNING_KEY_FALLBACK": "signkey-test-" + "c0ffee22" * 4,
}
POSTGRES, REDIS, PROXY = "canary-postgres-6e6f", "canary-redis-9a9b", "canary-proxy-b1b2"
ANSWER = ("canary-answer-a1a2", "canary-answer-a3a4", "canary-answer-a5a6")
USER = ("canary-userinfo-c3c4", "canary-query-d5d6")


def secret_settings():
    with open(os.path.join(repository(), "engine", "conf.c"), encoding="utf-8") as f:
        return set(re.findall(r'\{"(\w+)", SECRET,', f.read()))


def echo(engine, match, text, status=401):
    """Services that repeat what they were sent, as OpenAI does with keys, and show links that are keys themselves."""
    text += f"; see https://cdn.example/a.vtt?Signature={ANSWER[0]}&x=1 or https://me:{ANSWER[1]}@cdn.example/"
    engine.sandbox.add_fault(match, status=status, times=100, body={"error": {"message": text}, "message": text, "debug": ANSWER[2]})


def places(engine):
    """Name and text of everything that is kept or shown, but for the events' own data."""
    for path in engine.stack.logs():
        with open(path, encoding="utf-8", errors="replace") as f:
            yield os.path.basename(path), f.read()
    for t in engine.rows("select schemaname as s, tablename as t from pg_tables where schemaname in ('chronos', 'public')"):
        row = "(to_jsonb(t) - 'data')::text" if t["t"].startswith(("events", "outbox")) else "t::text"
        yield t["t"], str(engine.rows(f'select {row} as row from {t["s"]}."{t["t"]}" t'))
    for kind in ("history", "steps", "run", "timers", "worker", "functions"):
        for key in engine.redis.scan_iter(f"*{kind}*"):
            read = {"string": engine.redis.get, "hash": engine.redis.hgetall,
                    "stream": engine.redis.xrange, "set": engine.redis.smembers}.get(engine.redis.type(key))
            yield key, str(read(key)) if read else ""


def command_lines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
                yield pid, f.read()
        except OSError:
            pass


def everything_goes_wrong(engine):
    echo(engine, "POST /openai", f"Incorrect API key provided: {KEYS['OPENAI_API_KEY']}. Also {KEYS['CHRONOS_TRANSCRIBE_KEY']}")
    echo(engine, "/mux", f"token {KEYS['MUX_TOKEN_SECRET']} is refused")
    echo(engine, "/storage", f"jwt {KEYS['SUPABASE_SERVICE_ROLE_KEY']} expired", status=403)
    sent = []
    for source in ("youtube", "loom", "mux", "upload"):
        video = engine.make_video(source)
        sent.append(engine.send_event("video/transcript.extract", {
            "videoId": str(video["id"]), "creatorId": str(video["creator_id"]), "source": source}))
    video = engine.make_video("youtube")
    url = f"https://someone:{USER[0]}@example.com/watch?token={USER[1]}"
    sent.append(engine.send_event("video/transcript.extract", {
        "videoId": str(video["id"]), "creatorId": str(video["creator_id"]), "source": "youtube", "sourceUrl": url,
        "url": url, "storagePath": url}))
    for entry in sent:
        engine.wait_for_run(entry, deadline=60)
    run = engine.run("test/permanent", {"how": "secret"}, function="test-permanent", status="failed")
    assert "bad key" in run["error_message"]


def stop_redis_for_a_while(engine):
    """The worker is refused: Redis says so, with the name of the user."""
    engine.redis.execute_command("ACL", "SETUSER", "chronos", "off")
    engine.redis.execute_command("CLIENT", "KILL", "USER", "chronos")
    engine.wait_until(lambda: engine.log_contains("code=(claim|heartbeat|read)-failed", "worker-1"), 20, "the worker to be refused")
    engine.redis.execute_command("ACL", "SETUSER", "chronos", "on")
    engine.run("test/echo", {"n": 1}, function="test-echo")


def test_no_secret_is_left_out():
    assert secret_settings() <= set(KEYS) | {"OTEL_EXPORTER_OTLP_HEADERS"}, "a new secret setting needs a canary"


def test_canaries_are_nowhere(provided):
    engine = provided
    engine.redis.execute_command("ACL", "SETUSER", "chronos", "on", ">" + REDIS, "~*", "&*", "+@all")
    settings = {
        **KEYS, "CHRONOS_LOG_LEVEL": "debug", "CHRONOS_RETRY_MAX_MS": 40,
        "CHRONOS_DATABASE_URL": engine.stack.database_url.replace("chronos@", f"chronos:{POSTGRES}@"),
        "CHRONOS_REDIS_URL": engine.stack.redis_url.replace("redis://", f"redis://chronos:{REDIS}@"),
        "CHRONOS_YOUTUBE_PROXY": f"http://proxy:{PROXY}@127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=canary-otlp-e7e8", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    engine.start(**settings)
    engine.stack.start_console(**settings)
    everything_goes_wrong(engine)
    stop_redis_for_a_while(engine)
    canaries = [*KEYS.values(), POSTGRES, REDIS, PROXY, *USER, *ANSWER, "canary-otlp-e7e8"]
    lines = dict(command_lines())
    engine.wait_quiet()
    kept = dict(places(engine))
    for canary in canaries:
        assert not [pid for pid, line in lines.items() if canary in line], f"{canary} is in a command line"
        found = [place for place, text in kept.items() if canary in text]
        assert not found, f"{canary} is in {found}"
    assert "***" in kept["worker-1.log"]  # something was hidden, so the services did repeat their keys


def test_memory_goes_into_no_core_file(engine):
    engine.start()
    for name in ("scheduler-1", "worker-1"):
        pid = engine.daemon(name).process.pid
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            limit = next(line for line in f if line.startswith("Max core file size"))
        assert limit.split()[4:6] == ["0", "0"]


def test_a_wrong_setting_is_told_without_its_secret(engine):
    program = os.path.join(repository(), "build", variant(), "chronos-worker")
    for name, value in (("CHRONOS_REDIS_URL", f"redis://u:{REDIS}@host:notaport"),
                        ("CHRONOS_DATABASE_URL", f"postgresql://u:{POSTGRES}@h:notaport/db")):
        env = {**engine.stack.daemon_environment(), name: value}
        try:
            done = subprocess.run([program], env=env, capture_output=True, text=True, timeout=5, check=False)
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired as e:
            said = (e.stderr or b"").decode()
        assert said and "canary" not in said, json.dumps(said[-500:])
