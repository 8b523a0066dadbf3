"""Whop: from a lesson to the real source of its video."""

import pytest

BREAD = "lesn_BreadMux00001"


def lesson(**members):
    return {"id": BREAD, "title": "Bread", "embed_type": None, "embed_id": None, "video_asset": None, **members}


def file(**members):
    return {"status": "ready", "playback_id": None, "signed_playback_id": None, "signed_video_playback_token": None,
            "duration_seconds": 12, **members}


@pytest.mark.parametrize("key, kind, video", [
    (BREAD, "mux", "WhopBread000000011aBcDeFgHiJkLmNoPqR"),
    ("lesn_WoolTube00002", "youtube", "WoolDyeing1"),
    ("lesn_BikeLoom00003", "loom", "a0c1b2d3e4f5061728394a5b6c7d8e9f"),
])
def test_a_lesson_resolves_to_its_real_source(probe, key, kind, video):
    outcome = probe("whop", key)
    assert outcome.ok, outcome
    assert (outcome.result["kind"], outcome.result["id"]) == (kind, video)


def test_captions_come_through_the_playlist_with_the_lessons_own_token(probe):
    outcome = probe("whop-captions", BREAD, MUX_TOKEN_ID="", MUX_TOKEN_SECRET="")
    assert outcome.ok, outcome
    assert len(outcome.result["captions"]) > 3
    assert (outcome.result["language"], outcome.result["title"]) == ("en", "Lesson one: bread")
    assert probe.asked(provider="mux") == []
    assert [r["path"].rpartition(".")[2] for r in probe.asked(provider="mux-stream")] == ["m3u8", "vtt"]


def test_captions_in_pieces_are_joined(probe, answer_with):
    answer_with("/whop/", lesson(video_asset=file(playback_id="play1")))
    answer_with(r"/play1\.m3u8", '#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,LANGUAGE="de",URI="text/list.m3u8"\n')
    answer_with("/text/list", "#EXTM3U\n#EXTINF:6,\na.vtt\n#EXTINF:6,\n/mux-stream/b.vtt\n#EXT-X-ENDLIST\n")
    answer_with("/text/a.vtt", "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n00:01.000 --> 00:07.000\nWool.\n")
    answer_with("/mux-stream/b.vtt", "WEBVTT\n\n00:01.000 --> 00:07.000\nWool.\n\n00:08.000 --> 00:09.000\nDye.\n")
    outcome = probe("whop-captions", BREAD)
    assert outcome.ok, outcome
    assert outcome.result["captions"] == [[1000, 7000, "Wool."], [8000, 9000, "Dye."]]
    assert outcome.result["language"] == "de"


def test_a_lesson_is_asked_for_anew_each_time(probe):
    assert probe("whop-captions", BREAD).ok and probe("whop-captions", BREAD).ok
    assert len(probe.asked(provider="whop")) == 2


@pytest.mark.parametrize("body, code, says", [
    (lesson(), "permanent", "the lesson holds no video"),
    (lesson(video_asset=file()), "permanent", "the lesson holds no video"),
    (lesson(video_asset=file(signed_playback_id="x")), "permanent", "the lesson holds no video"),
    (lesson(video_asset=file(status="uploading")), "not_ready", "still being uploaded"),
    (lesson(video_asset=file(status="created")), "not_ready", "still being uploaded"),
    (lesson(embed_type="vimeo", embed_id="1"), "permanent", "embedded from vimeo are not supported"),
    ([], "retry", "cannot be understood"), ("<html></html>", "retry", "cannot be understood"),
    ({"video_asset": 5, "embed_type": {}, "embed_id": 1, "title": []}, "permanent", "the lesson holds no video"),
])
def test_lessons_have_their_class(probe, answer_with, body, code, says):
    answer_with("/whop/", body)
    outcome = probe("whop", BREAD)
    assert outcome.code == code, outcome
    assert says in outcome.message


@pytest.mark.parametrize("status, code, says", [
    (400, "permanent", "refused the request"), (401, "stop_provider", "WHOP_API_KEY"),
    (403, "permanent", "courses:read"), (404, "permanent", "the lesson does not exist"),
    (409, "permanent", "refused the request"), (422, "permanent", "refused the request"),
    (429, "rate_limited", "too busy or is asked too often"), (500, "retry", "does not work"),
    (503, "retry", "does not work"),
])
def test_answers_have_their_class(probe, sandbox, status, code, says):
    sandbox.add_fault("/whop/", status=status)
    outcome = probe("whop", BREAD)
    assert outcome.code == code, outcome
    assert says in outcome.message


@pytest.mark.parametrize("text, delay", [
    ("Try again in 12 seconds.", 12_000), ("Please try again in 3 minutes", 180_000), ("try again in 1 second", 1000),
    ("Try again in 99999999999 minutes", 900_000), ("Try again in a while", 0), ("Try again in 12 moons", 0),
    ("Try again in -5 seconds", 0),
])
def test_the_delay_stands_in_the_text(probe, answer_with, text, delay):
    answer_with("/whop/", {"error": {"type": "rate_limit_exceeded", "message": text}}, status=429)
    assert probe("whop", BREAD).delay == delay


def test_without_a_key_nobody_is_asked(probe):
    outcome = probe("whop", BREAD, WHOP_API_KEY="")
    assert (outcome.code, "WHOP_API_KEY" in outcome.message) == ("stop_provider", True)
    assert probe.asked() == []


@pytest.mark.parametrize("odd", ["lesn_", "lesn_../../courses", "prod_abc", "javascript:alert(1)", "lesn_a?b=c", "5",
                                 "lesn_" + "x" * 10_240, "https://whop.com/lesn_a", "lesn_ü"])
def test_odd_input_gets_one_clear_error(probe, odd):
    outcome = probe("whop", odd)
    assert outcome.code == "input"
    assert "begins with lesn_" in outcome.message
    assert probe.asked() == []


def test_a_playlist_to_another_host_is_not_followed(probe, answer_with):
    answer_with(".m3u8", '#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,LANGUAGE="en",URI="http://169.254.169.254/x.vtt"\n')
    outcome = probe("whop-captions", BREAD)
    assert outcome.code == "permanent"
    assert outcome.message.startswith("Whop: Whop refused the request")
