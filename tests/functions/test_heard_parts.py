"""A long recording is heard in parts. What was paid for one is not paid again, whatever becomes of the others."""

from datetime import datetime, timedelta, timezone

import pytest

import pipeline as p

SECONDS = 670  # it is cut at ten minutes
FIRST, LAST = PARTS = ["part000.ogg", "part001.ogg"]
FIRST_USD = 600 / 60 * 0.006
COST_USD = SECONDS / 60 * 0.006
SPEECH = "POST /openai/v1/audio/transcriptions"


def environment():
    return {"CHRONOS_TRANSCRIBE_PARALLEL": "1", "CHRONOS_LEASE_MS": "1500"}


def make_video(chronos):
    return chronos.make_video("upload", storage_path=p.upload_recording(chronos, SECONDS))


def paid(sandbox):
    """The parts that were answered."""
    asked = sandbox.requests(provider="openai", path="/audio/")["requests"]
    return [r["note"]["file"]["name"] for r in asked if r["status"] == 200]


def heard(chronos, video):
    return chronos.value("select count(*) from chronos.heard_parts where video_id = %s", video["id"])


def spent_usd(chronos, video):
    """What the budget knows."""
    keys = list(chronos.redis.scan_iter(f"{{c*}}:spent:{video['creator_id']}"))
    return sum(int(v) for key in keys for v in chronos.redis.hvals(key)) / 1e6


def billed_usd(chronos, video):
    (usage,) = p.usage_rows(chronos, video["creator_id"])
    return sum(entry["cost_usd"] for entry in usage["metadata"]["transcript_costs"])


def lasting(chronos, video):
    segments = chronos.value("select segments from chronos.transcripts where video_id = %s", video["id"])
    return segments, *(p.video_row(chronos, video)[column] for column in ("transcript", "duration_seconds", "transcript_language"))


def check_accounts(chronos, video, run):
    result = p.result_of(chronos, run, "extract-transcript")
    assert result["cost_usd"] == pytest.approx(COST_USD, abs=1e-4)
    assert billed_usd(chronos, video) == pytest.approx(COST_USD, abs=1e-4)
    assert spent_usd(chronos, video) == pytest.approx(COST_USD, abs=1e-4)
    assert float(run["cost_usd"]) == pytest.approx(COST_USD, abs=1e-4)


@pytest.fixture(scope="module")
def undisturbed(bare):
    """What such a recording gives."""
    bare.start()
    video = make_video(bare)
    run = bare.wait_for_run(p.extract(bare, video), p.EXTRACT, "completed", 120)
    check_accounts(bare, video, run)
    assert heard(bare, video) == 0
    return lasting(bare, video)


@pytest.mark.parametrize("failing", PARTS)
def test_a_part_that_fails_is_asked_for_again_and_no_other(bare, sandbox, undisturbed, failing):
    sandbox.add_fault(SPEECH, contains=failing, times=1, status=500)
    video = make_video(bare)
    run = bare.wait_for_run(p.extract(bare, video), p.EXTRACT, "completed", 120)
    assert paid(sandbox) == PARTS
    check_accounts(bare, video, run)
    assert lasting(bare, video) == undisturbed
    assert heard(bare, video) == 0


def test_a_worker_that_is_killed_leaves_what_it_heard_to_the_next_one(bare, sandbox, undisturbed):
    sandbox.add_fault(SPEECH, contains=LAST, times=1, delay_ms=60000)
    video = make_video(bare)
    entry = p.extract(bare, video)
    bare.wait_until(lambda: heard(bare, video) == 1, 60, "the first part to be heard")
    bare.daemon("worker-1").kill()
    bare.daemon("worker-1").start()
    run = bare.wait_for_run(entry, p.EXTRACT, "completed", 120)
    assert paid(sandbox).count(FIRST) == 1
    check_accounts(bare, video, run)
    assert lasting(bare, video) == undisturbed


def test_a_run_after_one_that_failed_pays_for_what_is_left(bare, sandbox, undisturbed):
    sandbox.add_fault(SPEECH, contains=LAST, status=400,
                      body={"error": {"message": "This part cannot be heard", "type": "invalid_request_error"}})
    video = make_video(bare)
    run = p.wait_for_failure(bare, p.extract(bare, video), deadline=120)
    assert paid(sandbox) == [FIRST] and heard(bare, video) == 1
    assert float(run["cost_usd"]) == pytest.approx(FIRST_USD, abs=1e-4)
    sandbox.clear_faults()
    run = bare.wait_for_run(p.extract(bare, video), p.EXTRACT, "completed", 120)
    assert paid(sandbox) == PARTS
    assert float(run["cost_usd"]) == pytest.approx(COST_USD - FIRST_USD, abs=1e-4)
    assert billed_usd(bare, video) == pytest.approx(COST_USD, abs=1e-4)
    assert spent_usd(bare, video) == pytest.approx(COST_USD, abs=1e-4)
    assert lasting(bare, video) == undisturbed


@pytest.mark.usefixtures("undisturbed")
def test_a_run_that_lost_the_video_leaves_what_another_one_paid_for(bare, sandbox):
    sandbox.add_fault(SPEECH, contains=LAST, status=503)
    video = make_video(bare)
    entry = p.extract(bare, video)
    bare.wait_until(lambda: heard(bare, video) == 1, 60, "the first part to be heard")
    bare.rows("""update public.videos set metadata = jsonb_set(metadata, '{processing_run}', '"newer"') where id = %s""",
              video["id"])
    bare.insert("chronos.heard_parts", {"video_id": video["id"], "key": "its own", "run_id": "newer", "segments": "[]",
                                        "duration_seconds": 600, "cost_usd": FIRST_USD})
    sandbox.clear_faults()
    run = bare.wait_for_run(entry, p.EXTRACT, "completed", 120)
    assert p.result_of(bare, run, "save-transcript") == {"superseded": True}
    assert bare.value("select cost_usd from chronos.heard_parts where video_id = %s and run_id = 'newer'",
                      video["id"]) == FIRST_USD


@pytest.mark.usefixtures("undisturbed")
def test_another_recording_is_heard_anew(bare, sandbox):
    sandbox.add_fault(SPEECH, contains=LAST, status=400,
                      body={"error": {"message": "This part cannot be heard", "type": "invalid_request_error"}})
    video = make_video(bare)
    p.wait_for_failure(bare, p.extract(bare, video), deadline=120)
    sandbox.clear_faults()
    p.upload_recording(bare, SECONDS, tone=880)
    bare.wait_for_run(p.extract(bare, video), p.EXTRACT, "completed", 120)
    assert paid(sandbox) == [FIRST, *PARTS]
    assert heard(bare, video) == 0


@pytest.mark.usefixtures("undisturbed")
def test_what_led_to_no_transcript_is_dropped_after_a_week(bare):
    video = bare.make_video("youtube", youtube_video_id="WoolDyeing1")
    for key, days in (("old", 8), ("young", 6)):
        bare.insert("chronos.heard_parts", {
            "video_id": video["id"], "key": key, "run_id": "r", "segments": "[]", "duration_seconds": 1, "cost_usd": 0.1,
            "heard_at": datetime.now(timezone.utc) - timedelta(days=days)})
    bare.daemon("scheduler-1").stop()
    bare.daemon("scheduler-1").start()
    bare.wait_until(lambda: heard(bare, video) == 1, 30, "the old one to be dropped")
    assert bare.value("select key from chronos.heard_parts where video_id = %s", video["id"]) == "young"
