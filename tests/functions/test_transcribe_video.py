"""The old way to ask for a transcript gives what the new one gives."""

import json

import pipeline as p

FN, HANDLER = "transcribe-video", "transcribe-video-error-handler"


def request(chronos, video, **data):
    return chronos.send_event("video/transcribe.requested", {**p.ids(video), **data})


def outcome(chronos, video):
    row = p.video_row(chronos, video)
    row["metadata"].pop("processing_time_ms")
    usage = p.usage_rows(chronos, video["creator_id"])
    events = p.analytics_rows(chronos, video)
    return {
        "row": {k: row[k] for k in ("status", "transcript", "transcript_language", "duration_seconds", "error_message")},
        "method": row["metadata"]["transcript_method"],
        "chunks": [(c["chunk_index"], c["chunk_text"]) for c in p.chunk_rows(chronos, video)],
        "usage": [(u["ai_credits_used"], u["transcription_minutes"]) for u in usage],
        "events": sorted(e["event_type"] for e in events),
    }


def test_the_result_is_that_of_the_extraction(shared):
    path = p.upload_recording(shared)
    old, new = (shared.make_video("upload", storage_path=path) for _ in range(2))
    run = shared.wait_for_run(request(shared, old, storagePath=path, originalFilename="short.mp4"), FN, "completed", 60)
    p.extract(shared, new)
    for video in (old, new):
        p.wait_for_embeddings(shared, video)
    assert outcome(shared, old) == outcome(shared, new)
    assert p.video_row(shared, old)["status"] == "completed"
    output = run["output"]
    assert output["success"] and output["videoId"] == str(old["id"]) and output["method"] == "whisper"
    assert (output["duration"], output["cost"]) == (output["duration_seconds"], output["cost_usd"])


def test_it_is_marked_as_deprecated_in_the_manifest_and_in_the_log(shared):
    video = shared.make_video("youtube", youtube_video_id="WoolDyeing1")
    shared.wait_for_run(request(shared, video), FN, "completed", 60)
    for fn in (FN, HANDLER):
        manifest = shared.value("select manifest from chronos.functions where id = %s", fn)
        assert manifest["deprecated"] == "send video/transcript.extract"
    assert "deprecated" not in json.loads(shared.redis.hget("chronos:functions", p.EXTRACT))
    assert shared.log_contains("transcribe-video is deprecated: send video/transcript.extract")


def test_a_failure_is_on_the_video_and_told_once(shared):
    video = shared.make_video("upload", storage_path="nobody/nothing/absent.mp4")
    run = shared.wait_for_run(request(shared, video), FN, "failed", 60)
    shared.wait_until(lambda: p.handler_runs(shared, run["id"]), 20, "the handler")
    p.wait_quiet(shared)
    row = p.video_row(shared, video)
    assert row["status"] == "failed" and "storage: the file does not exist" in row["error_message"]
    assert [e["metadata"]["failed"] for e in p.analytics_rows(shared, video)] == [True]
