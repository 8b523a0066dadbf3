"""YouTube's refusals, tracks and gates."""

import pytest

VIDEO = "bulk0000001"
REFUSALS = {
    "private": ("permanent", "the video is private"),
    "age_restricted": ("permanent", "the video is age-restricted"),
    "members_only": ("permanent", "the video is for channel members only"),
    "paid": ("permanent", "the video has to be paid for"),
    "region": ("permanent", "the video is not available in this server's country"),
    "removed": ("permanent", "the video does not exist or was removed"),
    "upcoming": ("not_ready", "the video has not been broadcast yet"),
    "live": ("not_ready", "the stream is still running"),
    "not_a_bot": ("rate_limited", "the service takes this server's address for a bot"),
    "try_later": ("rate_limited", "the service is limiting us"),
}


def player(sandbox, **more):
    """A player answer for VIDEO with these members replaced."""
    return {"playabilityStatus": {"status": "OK"},
            "videoDetails": {"videoId": VIDEO, "title": "Invented", "lengthSeconds": "12"}, **more}


def tracks(*items):
    return {"playerCaptionsTracklistRenderer": {"captionTracks": list(items)}}


def clients(probe):
    return [r["json"]["context"]["client"]["clientName"] for r in probe.asked(path="/youtubei/")]


def test_captions_come_with_title_and_duration(probe):
    outcome = probe("youtube", f"https://www.youtube.com/watch?v={VIDEO}")
    assert outcome.ok, outcome
    assert VIDEO in outcome.result["text"]
    assert outcome.result["title"] == f"Sample {VIDEO}"
    assert outcome.result["duration"] > 0
    assert outcome.result["language"] == "en"
    assert outcome.result["method"] == "youtube_api"
    assert outcome.result["cost"] == 0
    starts = [c[0] for c in outcome.result["captions"]]
    assert starts == sorted(starts) and len(starts) > 3


def test_one_request_each_is_enough(probe):
    probe("youtube", VIDEO)
    assert clients(probe) == ["ANDROID"]
    files = probe.asked(path="/api/timedtext")
    assert len(files) == 1
    assert "fmt=json3" in files[0]["query"] and "srv3" not in files[0]["query"]


@pytest.mark.parametrize("state", REFUSALS)
def test_refusals_are_told_apart(probe, sandbox, state):
    video = sandbox.video("youtube")["youtube_video_id"]
    sandbox.set_state(video, state)
    outcome = probe("youtube", video)
    code, message = REFUSALS[state]
    assert outcome.code == code, outcome
    assert outcome.message.startswith("youtube: " + message)


def test_delays_fit_their_reason(probe, sandbox):
    video = sandbox.video("youtube")["youtube_video_id"]
    for state, least in {"not_a_bot": 900_000, "try_later": 3_600_000, "live": 3_600_000}.items():
        sandbox.set_state(video, state)
        assert probe("youtube", video).delay == least


def test_what_is_not_a_video_is_the_users_mistake(probe):
    outcome = probe("youtube", "https://evil.example/?u=youtube.com/watch?v=dQx1_aB-9Zk")
    assert outcome.code == "input"
    assert probe.asked() == []


def test_an_age_gate_is_tried_as_an_embedded_player(probe, answer_with):
    gate = {"playabilityStatus": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age"}}
    answer_with("/youtubei/", gate, times=1)
    assert probe("youtube", VIDEO).code in ("ok", "next_source")
    assert clients(probe) == ["ANDROID", "WEB_EMBEDDED_PLAYER"]


def test_no_captions_is_believed_from_the_second_client(probe, sandbox, answer_with):
    answer_with("/youtubei/", player(sandbox))
    outcome = probe("youtube", VIDEO)
    assert outcome.code == "permanent"
    assert outcome.message == "youtube: the video has no captions"
    assert clients(probe) == ["ANDROID", "IOS"]


def test_a_client_that_is_told_no_captions_may_be_wrong(probe, sandbox, answer_with):
    answer_with("/youtubei/", player(sandbox), times=1)
    assert probe("youtube", VIDEO).ok


def test_another_video_means_suspicion(probe, sandbox, answer_with):
    answer_with("/youtubei/", player(sandbox, videoDetails={"videoId": "dQx1_aB-9Zk"}))
    assert probe("youtube", VIDEO).code == "rate_limited"
    assert len(clients(probe)) == 4


def test_a_gated_file_is_not_fetched(probe, sandbox, answer_with):
    url = "/api/timedtext?v=x&exp=xpe&lang=en"
    answer_with("/youtubei/", player(sandbox, captions=tracks({"baseUrl": url, "languageCode": "en"})))
    outcome = probe("youtube", VIDEO)
    assert outcome.code == "next_source"
    assert probe.asked(path="/api/timedtext") == []


def test_a_stale_client_gives_way_to_the_next(probe, answer_with):
    stale = {"error": {"code": 400, "message": "Precondition check failed.", "status": "FAILED_PRECONDITION"}}
    answer_with("/youtubei/", stale, status=400, times=2)
    assert probe("youtube", VIDEO).ok
    assert clients(probe) == ["ANDROID", "IOS", "VISIONOS"]


def test_when_all_clients_are_stale_the_message_says_so(probe, answer_with):
    stale = {"error": {"code": 400, "message": "Precondition check failed.", "status": "FAILED_PRECONDITION"}}
    answer_with("/youtubei/", stale, status=400)
    outcome = probe("youtube", VIDEO)
    assert outcome.code == "next_source"
    assert "out of date" in outcome.message


def test_a_malformed_call_is_final(probe, answer_with):
    answer_with("/youtubei/", {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, status=400)
    assert probe("youtube", VIDEO).code == "permanent"
    assert len(clients(probe)) == 1


def test_the_visitor_id_is_kept_between_clients(probe, sandbox, answer_with):
    answer_with("/youtubei/", player(sandbox, responseContext={"visitorData": "CgtWaXNpdG9y"}), times=1)
    assert probe("youtube", VIDEO).ok
    first, second = probe.asked(path="/youtubei/")
    assert "visitorData" not in first["json"]["context"]["client"]
    assert second["json"]["context"]["client"]["visitorData"] == "CgtWaXNpdG9y"
    assert second["headers"]["x-goog-visitor-id"] == "CgtWaXNpdG9y"


def test_a_caption_url_to_another_host_is_refused(probe, sandbox, answer_with):
    for url in ("https://evil.example/t", "http://169.254.169.254/t", "https://youtube.com.evil.example/t"):
        sandbox.clear_faults()
        answer_with("/youtubei/", player(sandbox, captions=tracks({"baseUrl": url, "languageCode": "en"})))
        assert probe("youtube", VIDEO).code == "permanent"


def test_unusual_traffic_is_a_limit_on_the_address(probe, answer_with):
    answer_with("/api/timedtext", "<html>Our systems have detected unusual traffic</html>")
    assert probe("youtube", VIDEO).code == "rate_limited"


def test_an_expired_file_is_asked_for_once_more(probe, answer_with):
    answer_with("/api/timedtext", "<html></html>", status=404, times=1)
    assert probe("youtube", VIDEO).ok
    assert clients(probe) == ["ANDROID", "IOS"]


def test_odd_types_in_an_answer_do_no_harm(probe, sandbox, answer_with):
    for odd in (None, 1, "x", [], {"status": 5}, {"status": []}):
        sandbox.clear_faults()
        answer_with("/youtubei/", player(sandbox, playabilityStatus=odd, captions=odd, videoDetails=odd))
        assert probe("youtube", VIDEO).code in ("permanent", "rate_limited", "next_source")
