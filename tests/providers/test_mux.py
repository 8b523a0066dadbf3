"""Mux: from a playback id to captions, or to the reason why not."""

import pytest


@pytest.fixture
def video(sandbox):
    return sandbox.video("mux")["mux_playback_id"]


def asset(**members):
    return {"data": {"id": "asset1", "status": "ready", "duration": 12.5, "playback_ids": [
        {"id": "play1", "policy": "public"}], **members}}


def track(**members):
    return {"id": "track1", "type": "text", "text_type": "subtitles", "status": "ready", "language_code": "en",
            "text_source": "generated_vod", **members}


AUDIO = {"id": "audio1", "type": "audio"}


def test_captions_are_found_through_the_playback_id(probe, video):
    outcome = probe("mux", video)
    assert outcome.ok, outcome
    assert outcome.result["method"] == "mux_auto"
    assert outcome.result["duration"] > 0
    assert outcome.result["language"] == "en"
    assert len(outcome.result["captions"]) > 3


def test_a_playback_id_in_place_of_the_asset_id_does_not_hurt(probe, video):
    assert probe("mux", video, video).ok


def test_an_unknown_asset_is_final(probe):
    outcome = probe("mux", "NoSuchPlaybackId01")
    assert outcome.code == "permanent"
    assert "does not exist" in outcome.message


@pytest.mark.parametrize("members, code, message", [
    ({"status": "preparing"}, "not_ready", "still being prepared"),
    ({"status": "errored", "errors": {"messages": ["bad input"]}}, "permanent", "bad input"),
    ({"tracks": [AUDIO, track(status="preparing")]}, "not_ready", "still being made"),
    ({"tracks": [AUDIO, track(status="brand-new")]}, "not_ready", "still being made"),
    ({"tracks": [AUDIO, track(status="errored")]}, "next_source", "no captions"),
    ({"tracks": [AUDIO]}, "next_source", "no captions"),
    ({"tracks": [{"id": "v", "type": "video"}]}, "permanent", "no sound"),
    ({}, "next_source", "no captions"),
    ({"tracks": 5, "playback_ids": "x"}, "next_source", "no captions"),
    ({"tracks": [track()], "playback_ids": [{"id": "s", "policy": "signed"}]}, "permanent", "no signing key"),
    ({"tracks": [track()], "playback_ids": [{"id": "s", "policy": "drm"}]}, "permanent", "protected"),
])
def test_assets_have_their_class(probe, answer_with, members, code, message):
    answer_with("/video/v1/assets/", asset(**members))
    outcome = probe("mux", "play1", "asset1")
    assert outcome.code == code, outcome
    assert message in outcome.message


@pytest.mark.parametrize("status, code", [(400, "permanent"), (403, "permanent"), (412, "not_ready"), (503, "retry")])
def test_the_stream_hosts_answers_have_their_class(probe, sandbox, video, status, code):
    sandbox.add_fault("/text/", status=status)
    assert probe("mux", video).code == code


def test_a_missing_file_is_looked_up_again(probe, sandbox, video):
    sandbox.add_fault("/text/", status=404)
    assert probe("mux", video).code == "next_source"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_needs_a_person(probe, sandbox, video, status):
    sandbox.add_fault("/video/v1/", status=status)
    assert probe("mux", video).code == "stop_provider"


def test_without_a_token_nobody_is_asked(probe, video):
    outcome = probe("mux", video, MUX_TOKEN_ID="")
    assert outcome.code == "stop_provider"
    assert probe.asked() == []


def files(*items, **more):
    return asset(static_renditions={"files": list(items), **more})


def test_sound_alone_is_the_best_rendition(probe, answer_with):
    answer_with("/video/v1/assets/", files({"name": "highest.mp4", "ext": "mp4", "status": "ready", "filesize": "10"},
                                           {"name": "audio.m4a", "ext": "m4a", "status": "ready", "filesize": "50"}))
    assert probe("mux-audio", "play1", "asset1").result["url"].endswith("/mux-stream/play1/audio.m4a")


def test_else_the_smallest_film(probe, answer_with):
    answer_with("/video/v1/assets/", files({"name": "high.mp4", "ext": "mp4", "filesize": "100"},
                                           {"name": "low.mp4", "ext": "mp4", "filesize": "20"}, status="ready"))
    assert probe("mux-audio", "play1", "asset1").result["url"].endswith("/mux-stream/play1/low.mp4")


@pytest.mark.parametrize("status, code", [("preparing", "not_ready"), ("skipped", "permanent"),
                                          ("errored", "permanent")])
def test_a_rendition_that_is_not_ready(probe, answer_with, status, code):
    answer_with("/video/v1/assets/", files({"name": "audio.m4a", "ext": "m4a", "status": status}))
    assert probe("mux-audio", "play1", "asset1").code == code
