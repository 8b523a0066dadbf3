"""A service that is down or out of quota: the steps that need it wait for it, and no attempt is used."""

import pytest

import pipeline as p

QUOTA = {"error": {"message": "You exceeded your current quota, please check your plan and billing details.",
                   "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}
VIDEOS = 12
SPEECH = "POST /openai/v1/audio/transcriptions"
SECONDS = 2000  # a recording of four parts, which are sent at the same time
PARTS = [f"part{n:03d}.ogg" for n in range(4)]


@pytest.fixture
def own(make_stack, database):
    """A stack whose sandbox is its own, to be stopped at will."""
    c = make_stack(database_url=database, environment={"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60"})
    c.stack.start_redis()
    c.stack.start_sandbox()
    return c


def start(chronos, workers=1, wait_ms=600000):
    return chronos.start(workers, CHRONOS_SERVICE_WAIT_MS=str(wait_ms), CHRONOS_LEASE_MS="2000")


def make_videos(chronos, count=VIDEOS):
    return [chronos.make_video("youtube", youtube_video_id=f"bulk{n:07d}") for n in range(count)]


def held(chronos):
    """Run -> (service, reason) of those that wait for one."""
    found = {}
    for key in chronos.redis.scan_iter("{c*}:run:*", count=1000):
        lines = (chronos.redis.hget(key, "held") or "").split("\n")
        if lines[0]:
            found[key.rsplit(":", 1)[1]] = lines[0], lines[3]
    return found


def services(chronos):
    """Service -> what is known of it."""
    return {key.split(":")[2]: chronos.redis.hgetall(key) for key in chronos.redis.scan_iter("chronos:service:*")}


def paused(chronos):
    """What people see in SQL."""
    rows = chronos.rows("select value::json as value from chronos.meta where key like 'paused:%' order by key")
    return [r["value"] for r in rows]


def explain(chronos, run):
    program = chronos.daemon("scheduler-1")
    text = program.run("--explain", run)
    return dict(line.split(None, 1) for line in text.splitlines() if " " in line)


def make_recording(chronos, seconds=SECONDS):
    return chronos.make_video("upload", storage_path=p.upload_recording(chronos, seconds))


def asked(chronos):
    """What speech recognition was asked: the part's name when it was heard, else the status."""
    log = chronos.sandbox.requests(provider="openai", path="/audio/")["requests"]
    return [r["note"]["file"]["name"] if r["status"] == 200 else r["status"] for r in log]


def expect_no_attempt_used(chronos, videos):
    for video in videos:
        for run in p.runs_of_video(chronos, video):
            assert run["status"] == "completed", run["error_message"]
            assert run["attempts"] == 1, run
            assert [s for s in chronos.steps_of(run) if s["status"] == "failed"] == []


def test_all_videos_are_done_after_everything_was_down_for_a_while(own):
    start(own, workers=3)
    videos = make_videos(own)
    own.sandbox.process.kill()
    for video in videos:
        p.extract(own, video)
    own.wait_until(lambda: len(held(own)) == VIDEOS, 30, "all runs to wait for the service")
    assert {service for service, _ in held(own).values()} == {"youtube"}
    known = services(own)["youtube"]
    assert known["kind"] == "down" and int(known["fails"]) >= 3
    own.daemon("worker-2").kill()  # it may be the one that probes
    own.wait_until(lambda: paused(own), 10, "the pause to be written down")
    (row,) = paused(own)
    assert (row["service"], row["kind"]) == ("youtube", "down")
    assert row["reason"].startswith("YouTube: YouTube cannot be reached") and row["failing_since"] <= row["paused_until"]
    run, (_, reason) = next(iter(held(own).items()))
    told = explain(own, run)
    assert told["state"] == "waiting for a service"
    assert told["service"] == "youtube" and told["reason"].startswith("YouTube: YouTube cannot be reached"), told
    own.stack.start_sandbox()
    for video in videos:
        p.wait_for_embeddings(own, video, deadline=90)
    expect_no_attempt_used(own, videos)
    assert "until" not in services(own)["youtube"]
    assert paused(own) == []
    assert held(own) == {}


def test_server_errors_pause_a_service_that_has_answered_before(own):
    start(own, workers=3)
    first, *videos = make_videos(own)
    p.extract(own, first)
    p.wait_for_embeddings(own, first)
    own.sandbox.add_fault("POST /openai/v1/embeddings", status=503)
    for video in videos:
        p.extract(own, video)
    own.wait_until(lambda: len(held(own)) == len(videos), 30, "all runs to wait for the service")
    asked = len(own.sandbox.requests(provider="openai")["requests"])
    assert asked < 3 * len(videos), "the service was not left alone"
    own.sandbox.clear_faults()
    for video in videos:
        p.wait_for_embeddings(own, video, deadline=90)
    expect_no_attempt_used(own, [first, *videos])


def test_no_credit_is_waited_for(own):
    start(own)
    videos = make_videos(own, 3)
    own.sandbox.add_fault("POST /openai/v1/embeddings", status=429, body=QUOTA, times=1)
    p.extract(own, videos[0])  # the others come when it is known: what is under way then may still be answered
    own.wait_until(lambda: held(own), 30, "the first run to wait for the credit")
    for video in videos[1:]:
        p.extract(own, video)
    own.wait_until(lambda: len(held(own)) == len(videos), 30, "all runs to wait for the credit")
    assert all("no credit left" in reason for _, reason in held(own).values())
    assert len(own.sandbox.requests(provider="openai")["requests"]) == 1, "a service without credit was asked again"
    # the pause is long; whoever has paid may end it
    for key in own.redis.scan_iter("chronos:service:*"):
        own.redis.delete(key)
    for video in videos:
        p.wait_for_embeddings(own, video, deadline=60)
    expect_no_attempt_used(own, videos)


def test_an_input_that_breaks_a_service_which_serves_others_uses_its_attempts(own):
    """The service answers others all the time, so it is not down: the run has to fail."""
    start(own)
    bad, *good = make_videos(own, 8)
    own.sandbox.add_fault("GET timedtext.*v=bulk0000000", status=500)
    entry = p.extract(own, bad)
    for video in good:
        own.wait_until(lambda: held(own) or own.runs_of(entry), 30, "the run to fail once more")
        p.extract(own, video)
        p.wait_for_embeddings(own, video)
        if own.runs_of(entry):
            break
    run = own.wait_for_run(entry, p.EXTRACT, "failed", 60)
    assert "500" in run["error_message"]
    assert p.video_row(own, bad)["status"] == "failed"


def test_nobody_waits_longer_than_the_setting_says(own):
    start(own, wait_ms=2000)
    (video,) = make_videos(own, 1)
    own.sandbox.process.kill()
    entry = p.extract(own, video)
    run = own.wait_for_run(entry, p.EXTRACT, "failed", 60)
    assert run["error_message"].startswith("YouTube: YouTube cannot be reached"), run["error_message"]


def test_without_the_setting_every_failure_uses_an_attempt(own):
    start(own, wait_ms=0)
    (video,) = make_videos(own, 1)
    own.sandbox.add_fault("/youtube/", status=500, times=2)
    run = own.wait_for_run(p.extract(own, video), p.EXTRACT, "completed", 30)
    assert run["attempts"] == 3
    assert services(own) == {}


@pytest.mark.parametrize("failing, fault", [(PARTS[0], {"status": 429, "body": QUOTA}), (PARTS[3], {"status": 503})])
def test_a_part_is_waited_for_and_those_sent_with_it_are_kept(own, failing, fault):
    start(own)
    others = [part for part in PARTS if part != failing]
    own.sandbox.add_fault(SPEECH, contains=failing, times=1, **fault)
    for part in others:
        own.sandbox.add_fault(SPEECH, contains=part, times=1, delay_ms=1500)
    video = make_recording(own)
    p.extract(own, video)
    own.wait_until(lambda: held(own), 60, "the run to wait for the service")
    kept = own.value("select count(*) from chronos.heard_parts where video_id = %s", video["id"])
    assert kept == len(others), "what was under way was thrown away"
    for key in own.redis.scan_iter("chronos:service:*"):
        own.redis.delete(key)
    p.wait_for_embeddings(own, video, deadline=90)
    assert sorted(map(str, asked(own))) == sorted([*PARTS, str(fault["status"])])
    expect_no_attempt_used(own, [video])


def test_one_part_asks_whether_the_service_is_back(own):
    start(own)
    own.sandbox.add_fault(SPEECH, times=1, status=503)
    short = make_recording(own, 20)
    p.extract(own, short)
    p.wait_for_embeddings(own, short)
    (key,) = own.redis.scan_iter("chronos:service:whisper:*")
    own.redis.hset(key, mapping={"until": 1, "since": 1, "kind": "stopped", "reason": "Whisper: no credit left"})  # it is due
    before = len(asked(own))
    own.sandbox.add_fault(SPEECH, status=429, body=QUOTA, delay_ms=500)
    video = make_recording(own)
    p.extract(own, video)
    own.wait_until(lambda: int(own.redis.hget(key, "until")) > 1, 60, "the probe to fail")
    own.wait_until(lambda: held(own), 60, "the run to wait for the service")
    assert len(asked(own)) == before + 1, "a paused service was asked by more than its probe"
    own.sandbox.clear_faults()
    own.redis.delete(key)
    p.wait_for_embeddings(own, video, deadline=90)
    expect_no_attempt_used(own, [short, video])
