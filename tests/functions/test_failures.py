"""What goes wrong outside: for good, for a while, or only for a run that was overtaken by another."""

import re

import pytest

import pipeline as p

BICYCLE, BEES = "a0c1b2d3e4f5061728394a5b6c7d8e9f", "b1d2c3e4f506172839405a6b7c8d9eaf"  # ids of Loom
SECRETS = ("sandbox-openai-key", "sandbox-service-role-key", "sandbox-token-secret", "Bearer", "Signature=")

# name: source, columns, what the message must say
FOR_GOOD = {
    "youtube-private": ("youtube", {"youtube_video_id": "PrivateVid1"}, "YouTube: the video is private"),
    "youtube-removed": ("youtube", {"youtube_video_id": "gone0000001"},
                        "YouTube: .*(removed|not exist|unavailable|deleted)"),
    "youtube-no-captions": ("youtube", {"youtube_video_id": "NoCaptions1"}, "YouTube: the video has no captions"),
    "youtube-age": ("youtube", {"youtube_video_id": "AgeLimited1"}, "YouTube: the video is age-restricted"),
    "youtube-members": ("youtube", {"youtube_video_id": "MembersOnly"}, "YouTube: .*channel members"),
    "youtube-paid": ("youtube", {"youtube_video_id": "PaidVideo01"}, "YouTube: .*paid"),
    "youtube-country": ("youtube", {"youtube_video_id": "RegionLock1"}, "YouTube: .*country"),
    "loom-private": ("loom", {"embed_id": "c2e3d4f50617283940516a7b8c9daebf"}, "Loom: the video is private"),
    "loom-password": ("loom", {"embed_id": "d3f4e506172839405162738b9cadbecf"},
                      "Loom: the video is protected by a password"),
    "loom-deleted": ("loom", {"embed_id": "06172839405162738495a6b7c8d9eafb"},
                     "Loom: the video does not exist or was removed"),
    "loom-failed": ("loom", {"embed_id": "172839405162738495a6b7c8d9eafb0c"}, "Loom: .*could not transcribe"),
    "loom-vimeo": ("loom", {"embed_id": "1", "embed_type": "vimeo"}, "Videos embedded from vimeo are not supported"),
    "mux-silent": ("mux", {"mux_playback_id": "SilentFilm00000009aBcDeFgHiJkLmNoPqR"}, "Mux: .*neither sound nor captions"),
    "mux-errored": ("mux", {"mux_playback_id": "AssetErrored000008aBcDeFgHiJkLmNoPqR"},
                    "Mux: the video could not be processed"),
    "mux-unknown": ("mux", {"mux_playback_id": "NobodyKnowsThis00aBcDeFgHiJkLmNoPqRs"}, "Mux: the video does not exist"),
    "upload-missing": ("upload", {"storage_path": "nobody/nothing/absent.mp4"}, "storage: the file does not exist"),
    "upload-no-sound": ("upload", {"storage_path": "sample-creator/no-audio-video/no-audio.mp4"}, "sound|audio"),
    "upload-broken": ("upload", {"storage_path": "sample-creator/broken-video/broken.mp4"}, "file|read|damaged"),
    "upload-silence": ("upload", {"storage_path": "sample-creator/silence-video/silence.mp4"}, "no spoken words"),
}


class Failure:
    """A video that cannot be done, and the event whose run has to fail."""

    def __init__(self, chronos, sent, entry):
        self.chronos, self.sent, self.entry = chronos, sent, entry

    @classmethod
    def of_extraction(cls, chronos, source, columns):
        sent = chronos.make_video(source, **columns)
        return cls(chronos, sent, p.extract(chronos, sent))

    def finish(self, function=p.EXTRACT):
        """After the handler has run."""
        self.run = p.wait_for_failure(self.chronos, self.entry, function)
        self.video = p.video_row(self.chronos, self.sent)
        return self


def expect_one_handled_failure(chronos, failure, function=p.EXTRACT):
    """One failure event, one run of the right handler, once through its steps, and the video says so."""
    run = failure.run
    (event,) = p.failure_events(chronos, run["id"])
    assert event["data"]["function_id"] == "chronos-" + function
    assert event["data"]["error"]["message"] == run["error_message"]
    assert event["data"]["event"]["data"]["videoId"] == str(failure.sent["id"])
    (handler,) = p.handler_runs(chronos, run["id"])
    assert (handler["function_id"], handler["status"]) == (p.HANDLER_OF[function], "completed")
    assert p.trace(chronos, handler) == p.once(p.HANDLER_STEPS)
    assert handler["output"] == {"handled": True, "video_id": str(failure.sent["id"]), "marked": True,
                                 "error": run["error_message"]}
    assert failure.video["status"] == "failed"
    assert failure.video["processing_completed_at"] is not None
    assert "processing_run" not in failure.video["metadata"]


def expect_readable(message):
    assert 10 <= len(message) <= 1000
    assert message.isprintable()
    for secret in SECRETS:
        assert secret not in message


@pytest.fixture(scope="module")
def failures(shared):
    """All of them at once, each of a creator of its own."""
    made = {name: Failure.of_extraction(shared, source, columns) for name, (source, columns, _) in FOR_GOOD.items()}
    for failure in made.values():
        failure.finish()
    p.wait_quiet(shared)
    return made


@pytest.mark.parametrize("name", FOR_GOOD)
def test_what_can_never_work_fails_once_and_says_why(shared, failures, name):
    failure = failures[name]
    expect_one_handled_failure(shared, failure)
    message = failure.video["error_message"]
    expect_readable(message)
    assert message == failure.run["error_message"]
    assert_matches(FOR_GOOD[name][2], message)
    assert p.trace(shared, failure.run)[-1] == ("extract-transcript", 1, "failed"), "it was tried again"
    assert p.runs_of_video(shared, failure.sent, p.EMBED) == []


@pytest.mark.parametrize("name", FOR_GOOD)
def test_a_failure_is_told_to_the_analytics_once_and_costs_what_was_paid(shared, failures, name):
    failure = failures[name]
    (event,) = p.analytics_rows(shared, failure.sent)
    assert (event["event_type"], event["metadata"]) == ("video_transcribed", {
        "source_type": failure.sent["source_type"], "error": failure.video["error_message"], "failed": True})
    usage = p.usage_rows(shared, failure.sent["creator_id"])
    if name == "upload-silence":  # whether anybody speaks was asked of a paid service
        (entry,) = usage[0]["metadata"]["transcript_costs"]
        assert entry["failed"] is True and entry["cost_usd"] > 0
    else:
        assert usage == []
    assert p.chunk_rows(shared, failure.sent) == []


def test_failed_runs_give_their_slots_back(shared, failures):
    assert failures
    assert p.slots(shared) == {}


def assert_matches(pattern, text):
    assert re.search(pattern, text), f"{text!r} does not say {pattern!r}"


# ---- refused by OpenAI: nothing of this passes by itself ----

QUOTA = {"error": {"message": "You exceeded your current quota, please check your plan and billing details.",
                   "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}


@pytest.mark.parametrize("name, fault, says", [
    ("quota", {"status": 429, "body": QUOTA}, "no credit left"),
    ("key", {"status": 401}, "refused our key"),
])
def test_speech_that_openai_refuses_fails_once(shared, sandbox, name, fault, says):
    path = p.upload_recording(shared)
    sandbox.add_fault("POST /openai/v1/audio", **fault)
    failure = Failure.of_extraction(shared, "upload", {"storage_path": path}).finish()
    expect_one_handled_failure(shared, failure)
    expect_readable(failure.video["error_message"])
    assert_matches(says, failure.video["error_message"])
    assert len(sandbox.requests(provider="openai")["requests"]) == 1, "it was tried again"
    assert p.usage_rows(shared, failure.sent["creator_id"]) == []


@pytest.mark.parametrize("name, fault, says", [
    ("quota", {"status": 429, "body": QUOTA}, "no credit left"),
    ("key", {"status": 401}, "refused our key"),
    ("model", {"status": 404, "body": {"error": {"message": "The model does not exist", "type": "invalid_request_error",
                                                "param": None, "code": "model_not_found"}}}, "model"),
])
def test_vectors_that_openai_refuses_fail_the_video_with_a_label(shared, sandbox, name, fault, says):
    sandbox.add_fault("POST /openai/v1/embeddings", **fault)
    video = shared.make_video("youtube", youtube_video_id=f"bulk-{name:0<6.6}")
    p.extract(shared, video)
    (run,) = p.wait_for_embeddings(shared, video)
    assert run["status"] == "failed"
    failure = Failure(shared, video, run["event_id"]).finish(p.EMBED)
    expect_one_handled_failure(shared, failure, p.EMBED)
    message = failure.video["error_message"]
    expect_readable(message)
    assert message == "Embedding generation failed: " + run["error_message"]
    assert_matches(says, message)
    assert failure.video["transcript"], "the transcript stays"
    assert [(e["event_type"], e["metadata"].get("failed")) for e in p.analytics_rows(shared, video)] == [
        ("video_embedded", True), ("video_transcribed", None)]
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert usage["ai_credits_used"] == 0 and "embedding_costs" not in usage["metadata"]


# ---- for a while ----

def expect_third_attempt(chronos, run, step, trouble):
    """Two failures that can be read, then success; and nobody was told that the run failed."""
    steps = p.STEPS_OF[run["function_id"]] if run["function_id"] == p.EXTRACT else p.EMBED_STEPS
    at, trace = steps.index(step), p.trace(chronos, run)
    failed = [t for t in trace if t[2] == "failed"]
    # libcurl sends a request once more by itself when a connection that it kept was closed under it
    assert len(failed) == 2 or (len(failed) == 1 and trouble == "reset")
    assert trace == [*p.once(steps[:at]), *((step, n, "failed") for n in range(1, len(failed) + 1)),
                     (step, len(failed) + 1, "completed"), *p.once(steps[at + 1:])]
    for row in chronos.steps_of(run):
        if row["status"] == "failed":
            expect_readable(row["error_message"])
    assert run["attempts"] == len(failed) + 1
    assert p.failure_events(chronos, run["id"]) == []


TROUBLES = {
    "429-retry-after": {"status": 429, "headers": {"Retry-After": "1"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "reset": {"kind": "reset"},
    "truncated": {"kind": "truncate"},
    "garbage": {"kind": "garbage"},
    "empty": {"kind": "empty"},
    "not-json": {"kind": "garbage", "body": "<html><body>Just a moment...</body></html>"},
    "wrong-json": {"kind": "garbage", "body": "[1, 2, 3]"},
}


@pytest.mark.parametrize("trouble", ["500", "503", "reset", "truncated"])
def test_captions_that_fail_twice_come_at_the_third_attempt(shared, sandbox, trouble):
    video = shared.make_video("youtube", youtube_video_id="bulkPassing")
    sandbox.add_fault("GET timedtext.*v=bulkPassing", times=2, **TROUBLES[trouble])
    run = shared.wait_for_run(p.extract(shared, video), p.EXTRACT, "completed", 30)
    expect_third_attempt(shared, run, "extract-transcript", trouble)
    p.wait_for_embeddings(shared, video)
    assert p.video_row(shared, video)["status"] == "completed"
    assert len(p.analytics_rows(shared, video)) == 2


@pytest.mark.parametrize("trouble", TROUBLES)
def test_vectors_that_fail_twice_come_at_the_third_attempt(shared, sandbox, trouble):
    video = shared.make_video("youtube", youtube_video_id="bulk-vector")
    sandbox.add_fault("POST /openai/v1/embeddings", times=2, **TROUBLES[trouble])
    p.extract(shared, video)
    (run,) = p.wait_for_embeddings(shared, video)
    assert run["status"] == "completed", run["error_message"]
    expect_third_attempt(shared, run, "generate-embeddings-0", trouble)
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert usage["ai_credits_used"] == 1
    if trouble == "429-retry-after":
        failed = [s for s in shared.steps_of(run) if s["step"] == "generate-embeddings-0"]
        for before, after in zip(failed, failed[1:]):
            assert (after["started_at"] - before["finished_at"]).total_seconds() >= 0.99


@pytest.mark.parametrize("trouble", TROUBLES)
def test_loom_that_fails_twice_answers_at_the_third_attempt(shared, sandbox, trouble):
    video = shared.make_video("loom", embed_id=BICYCLE)
    sandbox.add_fault("POST /loom/graphql", times=2, contains="fetchVideoTranscript", **TROUBLES[trouble])
    entry = p.extract(shared, video)
    run = shared.wait_for_run(entry, p.EXTRACT, "completed", 30)
    expect_third_attempt(shared, run, "extract-transcript", trouble)
    p.wait_for_embeddings(shared, video)
    assert p.video_row(shared, video)["status"] == "completed"


@pytest.mark.parametrize("trouble", ["503", "reset", "truncated"])
def test_a_download_that_fails_twice_works_at_the_third_attempt(shared, sandbox, trouble):
    path = p.upload_recording(shared)
    sandbox.add_fault("GET /storage/v1/object", times=2, **TROUBLES[trouble])
    video = shared.make_video("upload", storage_path=path)
    run = shared.wait_for_run(p.extract(shared, video), p.EXTRACT, "completed", 30)
    expect_third_attempt(shared, run, "extract-transcript", trouble)
    assert len(sandbox.requests(provider="openai", path="/audio/")["requests"]) == 1


def test_retries_that_are_used_up_fail_the_run_once(shared, sandbox):
    sandbox.add_fault("GET timedtext.*v=bulkUsedUp1", status=503)
    failure = Failure.of_extraction(shared, "youtube", {"youtube_video_id": "bulkUsedUp1"}).finish()
    assert p.trace(shared, failure.run)[3:] == [("extract-transcript", n, "failed") for n in (1, 2, 3)]
    expect_one_handled_failure(shared, failure)
    expect_readable(failure.video["error_message"])
    assert len(p.analytics_rows(shared, failure.sent)) == 1
    assert p.usage_rows(shared, failure.sent["creator_id"]) == []
    p.wait_quiet(shared)


def test_vectors_whose_retries_are_used_up_fail_the_video_once(shared, sandbox):
    video = shared.make_video("youtube", youtube_video_id="bulkUsedUp2")
    sandbox.add_fault("POST /openai/v1/embeddings", kind="garbage")
    p.extract(shared, video)
    (run,) = p.wait_for_embeddings(shared, video)
    failure = Failure(shared, video, run["event_id"]).finish(p.EMBED)
    assert p.trace(shared, run)[5:] == [("generate-embeddings-0", n, "failed") for n in (1, 2, 3)]
    expect_one_handled_failure(shared, failure, p.EMBED)
    expect_readable(failure.video["error_message"])


def test_a_video_that_failed_can_be_tried_again(shared, sandbox):
    sandbox.add_fault("GET timedtext.*v=bulkAgain01", status=503, times=3)
    failure = Failure.of_extraction(shared, "youtube", {"youtube_video_id": "bulkAgain01"}).finish()
    assert failure.video["status"] == "failed"
    p.extract(shared, failure.sent)
    p.wait_for_embeddings(shared, failure.sent)
    video = p.video_row(shared, failure.sent)
    assert (video["status"], video["error_message"]) == ("completed", None)


# ---- overtaken ----

NOT_FOUND = {"data": {"fetchVideoTranscript": {"__typename": "GenericError", "message": "Video not found"}}}


def test_the_failure_of_an_old_run_does_not_spoil_a_video_that_a_newer_run_completed(shared, sandbox):
    video = shared.make_video("loom", embed_id=BEES)
    sandbox.add_fault("POST /loom/graphql", contains="fetchVideoTranscript", times=1, delay_ms=3000, status=200,
                      body=NOT_FOUND)
    old = p.extract(shared, video)
    shared.wait_until(lambda: sandbox.requests(provider="loom")["count"], 10, "the old run to ask")
    p.extract(shared, video)
    p.wait_for_embeddings(shared, video)
    before = p.video_row(shared, video)
    assert before["status"] == "completed"
    assert shared.runs_of(old) == [], "the old run ended before the newer one: this tests nothing"
    run = p.wait_for_failure(shared, old)
    (handler,) = p.handler_runs(shared, run["id"])
    assert (handler["status"], handler["output"]["marked"]) == ("completed", False)
    assert p.video_row(shared, video) == before


def test_the_failure_of_an_old_run_does_not_spoil_a_video_that_a_newer_run_works_on(shared, sandbox):
    video = shared.make_video("loom", embed_id=BEES)
    sandbox.add_fault("POST /loom/graphql", contains="fetchVideoTranscript", times=1, delay_ms=1000, status=200,
                      body=NOT_FOUND)
    sandbox.add_fault("POST /loom/graphql", contains="fetchVideoTranscript", times=1, delay_ms=3000, kind="delay")
    old = p.extract(shared, video)
    shared.wait_until(lambda: sandbox.requests(provider="loom")["count"] == 1, 10, "the old run to ask")
    new = p.extract(shared, video)
    shared.wait_until(lambda: sandbox.requests(provider="loom")["count"] == 2, 10, "the newer run to ask")
    run = p.wait_for_failure(shared, old)
    assert p.handler_runs(shared, run["id"])[0]["output"]["marked"] is False
    assert shared.runs_of(new) == [], "the newer run ended before the old one failed: this tests nothing"
    assert p.video_row(shared, video)["status"] == "transcribing"
    p.wait_for_embeddings(shared, video)
    assert p.video_row(shared, video)["status"] == "completed"
