import time

DEAD = "redis://127.0.0.1:1"


def by_check(report):
    return {(f["group"], f["check"]): f for f in report["findings"]}


def faults(report):
    """All but that the tests' Postgres is fast instead of durable, which doctor must see."""
    found = {(f["group"], f["check"]) for f in report["findings"] if f["status"] == "fail"}
    assert ("postgres", "durable") in found
    return found - {("postgres", "durable")}


def test_a_sound_engine(ctl):
    report = ctl.json("doctor", "--offline", code=1)
    found = by_check(report)
    assert faults(report) == set() and report["failures"] == 1 and not report["ok"]
    for check in [("redis", "version"), ("redis", "persistence"), ("redis", "eviction"), ("redis", "rights"),
                  ("redis", "latency"), ("postgres", "schema"), ("postgres", "writable"), ("postgres", "rights"),
                  ("postgres", "partitions by day"), ("postgres", "search"), ("engine", "clocks of the stores"), ("engine", "partitions"),
                  ("engine", "schedulers"), ("engine", "workers"), ("engine", "functions"), ("engine", "events"),
                  ("host", "ffmpeg"), ("host", "disk"), ("host", "settings")]:
        assert found[check]["status"] == "ok", found[check]
    assert found["services", "YouTube reachable"]["status"] == "skip"
    for f in report["findings"]:
        assert (f["todo"] is not None) == (f["status"] in ("warn", "fail")), f


def test_many_chunks_without_an_index(own):
    own.stack.start_scheduler()
    video = own.make_video("youtube")
    own.rows("""insert into public.video_chunks (video_id, chunk_index, chunk_text, start_time_seconds, end_time_seconds, word_count)
        select %s, n, 'a word', n, n + 1, 2 from generate_series(1, 12000) n""", video["id"])
    own.rows("analyze public.video_chunks")
    found = by_check(own.ctl.json("doctor", "--offline", code=1))["postgres", "search"]
    assert found["status"] == "warn" and "pgvector" in found["todo"] and "12000 chunks" in found["found"]


def test_chunks_that_postgres_has_not_counted(own):
    own.stack.start_scheduler()
    video = own.make_video("youtube")
    own.rows("""insert into public.video_chunks (video_id, chunk_index, chunk_text, start_time_seconds, end_time_seconds, word_count)
        select %s, n, 'a word', n, n + 1, 2 from generate_series(1, 8) n""", video["id"])
    found = by_check(own.ctl.json("doctor", "--offline", code=1))["postgres", "search"]
    assert found["status"] == "ok" and found["found"].startswith("few chunks, or none that Postgres has counted yet, ")


def test_people_get_a_line_each_and_what_to_do(ctl):
    done = ctl("doctor", "--offline", CHRONOS_NONSENSE="1")
    assert done.code == 1
    assert "ok    redis     persistence: append-only file" in done.out
    assert "warn  host      settings: CHRONOS_NONSENSE is no setting" in done.out
    assert "-> correct its name" in done.out


def test_stores_that_are_away(bare):
    report = bare.json("doctor", "--offline", code=1, CHRONOS_REDIS_URL=DEAD,
                       CHRONOS_DATABASE_URL="postgresql://someone:geheim7@127.0.0.1:1/chronos")
    found = by_check(report)
    assert found["redis", "reachable"]["status"] == "fail" and "refused" in found["redis", "reachable"]["found"]
    assert found["postgres", "reachable"]["status"] == "fail"
    assert "geheim7" not in str(report)


def test_what_would_lose_work_is_a_fault(own):
    own.stack.start_scheduler()
    own.redis.config_set("maxmemory-policy", "allkeys-lru")
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert found["redis", "eviction"]["status"] == "fail" and "noeviction" in found["redis", "eviction"]["todo"]
    own.redis.config_set("maxmemory-policy", "noeviction")
    own.redis.config_set("appendonly", "no")
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert found["redis", "persistence"]["status"] == "fail"
    own.redis.config_set("appendonly", "yes")
    # nobody is there to execute anything
    assert found["engine", "schedulers"]["status"] == "ok"
    assert found["engine", "workers"]["status"] == "fail"
    assert found["engine", "functions"]["status"] == "fail"


def test_a_memory_that_is_nearly_full(own):
    used = own.redis.info("memory")["used_memory"]
    own.redis.config_set("maxmemory", int(used / 0.9))
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert found["redis", "memory"]["status"] in ("warn", "fail") and "maxmemory" in found["redis", "memory"]["todo"]
    own.redis.config_set("maxmemory", 0)


def test_work_that_stands_still_and_no_worker(own):
    own.start(workers=1)
    for name in [d for d in own.stack.daemons if d != "sandbox"]:
        own.stack.daemons[name].stop()
    late = int(time.time() * 1000) - 3600_000
    own.redis.xadd("chronos:events", {"name": "test/three", "data": "{}"}, id=f"{late}-0")
    own.rows("insert into chronos.commands (kind, run_id, reason, created_at)"
             " values ('cancel', '01J00000000000000000000000', 'x', now() - interval '1 hour') returning id")
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert found["engine", "events"]["status"] == "warn" and " old" in found["engine", "events"]["found"]
    assert found["engine", "orders"]["status"] == "warn"
    # no worker lives: that is one thing to do, and none to retire
    assert found["engine", "functions"]["status"] == "warn" and "nobody" in found["engine", "functions"]["found"]
    assert not [check for _, check in found if check.startswith("function ")]
    assert "retire" not in found["engine", "functions"]["todo"]


def test_a_function_that_no_living_worker_has(own):
    own.start(workers=1)
    own.redis.hset("chronos:functions", "test-gone", own.redis.hget("chronos:functions", "test-three").replace("test-three", "test-gone"))
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert [check for _, check in found if check.startswith("function ")] == ["function test-gone"]
    assert found["engine", "function test-gone"]["status"] == "warn"
    assert "chronosctl retire test-gone" in found["engine", "function test-gone"]["todo"]


def test_a_schema_that_is_behind(own):
    own.rows("delete from chronos.schema_migrations where version = (select max(version) from"
             " chronos.schema_migrations) returning version")
    found = by_check(own.ctl.json("doctor", "--offline", code=1))
    assert found["postgres", "schema"]["status"] == "fail" and "chronosctl migrate" in found["postgres", "schema"]["todo"]


def test_a_user_who_may_not_read(own, postgres):
    postgres.admin("create role doctor_guest; grant doctor_guest to chronos")
    try:
        own.rows("grant usage on schema chronos to doctor_guest;"
                 " grant select on chronos.schema_migrations, chronos.meta to doctor_guest")
        url = own.stack.database_url + "?options=-c%20role%3Ddoctor_guest"
        found = by_check(own.ctl.json("doctor", "--offline", code=1, CHRONOS_DATABASE_URL=url))["postgres", "rights"]
        assert found["status"] == "fail" and "doctor_guest may not read" in found["found"]
        assert "runs" in found["found"] and "meta" not in found["found"] and "grant" in found["todo"]
        own.rows("grant select on all tables in schema chronos to doctor_guest")
        found = by_check(own.ctl.json("doctor", "--offline", code=1, CHRONOS_DATABASE_URL=url))["postgres", "rights"]
        assert found["status"] == "warn" and "may not write commands, controls, outbox" in found["found"]
    finally:
        own.rows("drop owned by doctor_guest")
        postgres.admin("drop role doctor_guest")


def test_services(own, sandbox):
    own.stack.sandbox = sandbox
    from ops.stack.daemons import provider_environment
    found = by_check(own.ctl.json("doctor", code=1, **provider_environment(sandbox.url)))
    for name in ("YouTube", "Loom", "Mux", "storage", "OpenAI"):
        there = found["services", f"{name} reachable"]
        assert there["status"] == "ok", there
    assert found["services", "Mux key"]["status"] == "ok" and found["services", "embedder"]["status"] == "ok"
    found = by_check(own.ctl.json("doctor", code=1, CHRONOS_LOOM_URL="http://127.0.0.1:1", OPENAI_BASE_URL=sandbox.url,
                                  CHRONOS_YOUTUBE_URL=sandbox.url, MUX_BASE_URL=sandbox.url))
    assert found["services", "Loom reachable"]["status"] == "warn"
    assert found["services", "OpenAI key"]["status"] == "warn"
    assert "not seen from this shell" in found["services", "OpenAI key"]["found"]
    # no key was sent
    assert "sandbox-openai-key" not in str(sandbox.requests())


def test_a_directory_for_storage(own, tmp_path):
    """A server's key is not asked for where files are kept in a directory."""
    def storage(url):
        report = own.ctl.json("doctor", "--offline", code=1, STORAGE_URL=url)
        found = {check: f for (group, check), f in by_check(report).items() if group == "services" and check.startswith("storage")}
        assert list(found) == ["storage directory"]
        return found["storage directory"]
    assert storage(f"file:{tmp_path}")["status"] == "ok"
    missing = storage(f"file:{tmp_path}/none")
    assert missing["status"] == "warn" and "does not exist" in missing["found"] and "STORAGE_URL" in missing["todo"]
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    assert storage(f"file:{tmp_path}/file")["status"] == "fail"


def test_programs_and_disk(own):
    found = by_check(own.ctl.json("doctor", "--offline", code=1, CHRONOS_FFMPEG="/nowhere/ffmpeg",
                                  CHRONOS_WORK_DIR="/nowhere"))
    assert found["host", "ffmpeg"]["status"] == "warn" and found["host", "ffprobe"]["status"] == "ok"
    assert found["host", "disk"]["status"] == "fail"
