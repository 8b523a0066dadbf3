"""Loom's refusals, which are all HTTP 200, and its signed files."""

import pytest


@pytest.fixture
def video(sandbox):
    return sandbox.video("loom")["embed_id"]


def details(**members):
    return {"data": {"fetchVideoTranscript": {"__typename": "VideoTranscriptDetails", "id": "1", "video_id": "x",
                                              "source_url": None, "captions_source_url": None, **members}}}


def refusal(message, kind="GenericError"):
    return {"data": {"fetchVideoTranscript": {"__typename": kind, "message": message}}}


def test_captions_come_with_title_and_duration(probe, sandbox, video):
    outcome = probe("loom", f"https://www.loom.com/share/{video}?sid=1")
    assert outcome.ok, outcome
    assert outcome.result["title"] == sandbox.video("loom")["title"]
    assert outcome.result["duration"] > 0
    assert outcome.result["method"] == "loom_api"
    assert outcome.result["language"] == "en"
    assert len(outcome.result["captions"]) > 3


def test_the_title_is_not_worth_failing_for(probe, sandbox, video):
    sandbox.add_fault("/v1/oembed", status=500)
    outcome = probe("loom", video)
    assert outcome.ok
    assert "title" not in outcome.result


@pytest.mark.parametrize("state, code, message", [
    ("private", "permanent", "the video is private"),
    ("password", "permanent", "the video is protected by a password"),
    ("deleted", "permanent", "the video does not exist or was removed"),
    ("processing", "not_ready", "the transcript is still being made"),
    ("failed", "next_source", "Loom could not transcribe the video"),
])
def test_refusals_are_told_apart(probe, sandbox, video, state, code, message):
    sandbox.set_state(video, state)
    outcome = probe("loom", video)
    assert outcome.code == code
    assert outcome.message.startswith("Loom: " + message)


@pytest.mark.parametrize("body, code", [
    (details(transcription_status="success"), "next_source"),
    (details(), "next_source"),
    (details(transcription_status="in_progress"), "not_ready"),
    (refusal("Something else", "InvalidRequestWarning"), "next_source"),
    ({"data": {"fetchVideoTranscript": None}}, "next_source"),
    ({"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}, "retry"),
    ({"errors": [{"message": "x", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}], "data": None}, "next_source"),
    ({"errors": [{"message": 'Cannot query field "x"'}]}, "next_source"),
    ({"errors": [{"message": "x", "extensions": {"code": "FORBIDDEN"}}]}, "permanent"),
    ({}, "next_source"),
    ({"data": 5, "errors": "x"}, "next_source"),
])
def test_answers_have_their_class(probe, video, answer_with, body, code):
    answer_with("/graphql", body)
    outcome = probe("loom", video)
    assert outcome.code == code, outcome


def test_a_wall_against_bots_is_a_limit(probe, sandbox, video):
    sandbox.add_fault("/graphql", status=403)
    assert probe("loom", video).code == "rate_limited"


def test_a_400_is_tried_once_with_the_other_header(probe, sandbox, video):
    sandbox.add_fault("/graphql", status=400, times=1)
    assert probe("loom", video).ok
    first, second = probe.asked(path="/graphql")
    assert "x-loom-request-source" not in first["headers"]
    assert "x-loom-request-source" in second["headers"]


def test_an_expired_link_is_renewed_once(probe, sandbox, video):
    sandbox.add_fault("/mediametadata/", status=403, times=1)
    assert probe("loom", video).ok
    assert len(probe.asked(path="/graphql")) == 2
    sandbox.add_fault("/mediametadata/", status=403)
    assert probe("loom", video).code == "retry"


def test_phrases_are_read_when_there_is_no_caption_file(probe, sandbox, video):
    body = sandbox.post("/loom/graphql", {"query": "fetchVideoTranscript", "variables": {"videoId": video}})
    body["data"]["fetchVideoTranscript"]["captions_source_url"] = ""
    sandbox.add_fault("/graphql", status=200, body=body)
    assert probe("loom", video).ok
    assert ".json" in probe.asked(path="/mediametadata/")[-1]["path"]


def test_a_caption_url_to_another_host_is_refused(probe, video, answer_with):
    answer_with("/graphql", details(captions_source_url="https://evil.example/x.vtt"))
    assert probe("loom", video).code == "permanent"


@pytest.mark.parametrize("odd", [
    "javascript:alert(1)//loom.com/share/a0c1b2d3e4f5061728394a5b6c7d8e9f", "dQx1_aB-9Zk", "file:///etc/passwd",
    "https://loom.com.evil.example/share/a0c1b2d3e4f5061728394a5b6c7d8e9f", "x" * 10_240,
    "https://www.loom.com/share/folder/a0c1b2d3e4f5061728394a5b6c7d8e9f",
    "https://loom.com@evil.example/share/a0c1b2d3e4f5061728394a5b6c7d8e9f",
    "https://www.loom.com/share/a0c1b2d3e4f5061728394a5b6c7d8e9g",
])
def test_odd_input_gets_one_clear_error(probe, odd):
    outcome = probe("loom", odd)
    assert outcome.code == "input"
    assert outcome.message.startswith("Loom: this is not a link to a single Loom video, nor a video id.")
    assert "https://www.loom.com/share/" in outcome.message
    assert probe.asked() == []
