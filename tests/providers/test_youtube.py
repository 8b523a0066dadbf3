"""YouTube's refusals, tracks and gates."""

import pytest

VIDEO = "bulk0000001"
REFUSALS = {
    "private": ("permanent", "the video is private"),
    "age_restricted": ("permanent", "the video is age-restricted"),
    "members_only": ("permanent", "the video is for channel members only"),
    "paid": ("permanent", "the video has to be paid for"),
    "region": ("permanent", "the video is not available in the country of this server"),
    "removed": ("permanent", "the video does not exist or was removed"),
    "upcoming": ("not_ready", "the video has not been broadcast yet"),
    "live": ("not_ready", "the live stream is still running"),
    "not_a_bot": ("rate_limited", "YouTube takes this server for a bot"),
    "try_later": ("rate_limited", "YouTube says that the video is not available now"),
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
    assert outcome.message.startswith("YouTube: " + message)


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
    assert outcome.code == "next_source"
    assert outcome.message.startswith("YouTube: the video has no captions")
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
    assert "CHRONOS_YOUTUBE_CLIENTS" in outcome.message


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


# ---- who asks ----

def settle(tmp_path, text):
    path = tmp_path / "clients.json"
    path.write_text(text)
    return str(path)


def test_the_order_of_the_clients_is_a_setting(probe, answer_with):
    stale = {"error": {"code": 400, "message": "Precondition check failed.", "status": "FAILED_PRECONDITION"}}
    answer_with("/youtubei/", stale, status=400)
    probe("youtube", VIDEO, CHRONOS_YOUTUBE_CLIENTS=" VISIONOS , IOS")
    assert clients(probe) == ["VISIONOS", "IOS"]


def test_a_file_brings_new_versions_and_new_clients(probe, sandbox, answer_with, tmp_path):
    path = settle(tmp_path, """[{"name": "MWEB", "number": 2, "version": "2.20270101.00.00", "userAgent": "Invented/1",
        "context": {"osName": "iOS"}}, {"name": "IOS", "version": "30.1.1"}]""")
    answer_with("/youtubei/", player(sandbox), times=1)
    assert probe("youtube", VIDEO, CHRONOS_YOUTUBE_CLIENTS=path).ok
    first, second = (r["json"]["context"]["client"] for r in probe.asked(path="/youtubei/"))
    assert (first["clientName"], first["clientVersion"], first["osName"]) == ("MWEB", "2.20270101.00.00", "iOS")
    assert (second["clientName"], second["clientVersion"], second["deviceModel"]) == ("IOS", "30.1.1", "iPhone16,2")
    headers = [r["headers"] for r in probe.asked(path="/youtubei/")]
    assert [h["x-youtube-client-name"] for h in headers] == ["2", "5"]
    assert headers[0]["user-agent"] == "Invented/1"


def test_an_embedded_player_of_the_file_is_asked_after_an_age_gate_only(probe, answer_with, tmp_path):
    path = settle(tmp_path, """[{"name": "WEB_EMBEDDED_PLAYER"}, {"name": "IOS"}, {"name": "ANDROID"}]""")
    gate = {"playabilityStatus": {"status": "AGE_VERIFICATION_REQUIRED"}}
    answer_with("/youtubei/", gate, times=1)
    assert probe("youtube", VIDEO, CHRONOS_YOUTUBE_CLIENTS=path).ok
    assert clients(probe) == ["IOS", "WEB_EMBEDDED_PLAYER"]


@pytest.mark.parametrize("setting, says", [
    ("IOS,WINDOWS_PHONE", "'WINDOWS_PHONE' is no known client"),
    ("WEB_EMBEDDED_PLAYER", "none of the clients is asked first"),
    ("/nowhere/at/all.json", "cannot read /nowhere/at/all.json"),
    ("file:[", "is not JSON"),
    ("file:{}", "an array of 1 to 16 clients"),
    ("file:[]", "an array of 1 to 16 clients"),
    ("file:[{}]", "client 1 has no name"),
    ('file:[{"name": "IOS"}, {"name": "NEW", "number": 9}]', "client 2 (NEW): version is missing or no text"),
    ('file:[{"name": "IOS", "version": ""}]', "version is missing or no text"),
    ('file:[{"name": "IOS", "userAgent": "a\\nHost: b"}]', "userAgent is missing or no text"),
    ('file:[{"name": "IOS", "context": "x"}]', "context is no object"),
])
def test_a_wrong_table_of_clients_stops_the_start_in_words(probe, tmp_path, setting, says):
    if setting.startswith("file:"):
        setting = settle(tmp_path, setting.removeprefix("file:"))
    with pytest.raises(AssertionError, match="CHRONOS_YOUTUBE_CLIENTS: ") as refused:
        probe("youtube", VIDEO, CHRONOS_YOUTUBE_CLIENTS=setting)
    assert says in str(refused.value)
    assert probe.asked() == []


def test_a_refused_key_is_left_out(probe, answer_with):
    answer_with("/youtubei/", {"error": {"code": 403, "status": "PERMISSION_DENIED"}}, status=403, times=1)
    assert probe("youtube", VIDEO, CHRONOS_YOUTUBE_KEY="AIzaSyInventedKey0001").ok
    assert ["key=" in r["query"] for r in probe.asked(path="/youtubei/")] == [True, False]


# ---- tracks and files ----

def sent(*items):
    """Tracks whose files are all served: what is asked for tells which was chosen."""
    return tracks(*({"baseUrl": f"/api/timedtext?v=x&n={n}", **item} for n, item in enumerate(items)))


@pytest.mark.parametrize("items, language, chosen", [
    ([{"languageCode": "en", "kind": "asr"}, {"languageCode": "en-GB"}], "", 1),
    ([{"languageCode": "en"}, {"languageCode": "de", "kind": "asr"}], "de", 1),
    ([{"languageCode": "en"}, {"languageCode": "de", "kind": "asr"}, {"languageCode": "de-AT"}], "de", 2),
    ([{"languageCode": "fr"}, {"languageCode": "en", "kind": "asr"}], "pt", 1),
    ([{"languageCode": "en", "kind": "frc"}, {"languageCode": "ja", "kind": "asr"}], "en", 1),
    ([{"languageCode": "en", "trackName": "Commentary"}, {"languageCode": "en"}], "en", 1),
    ([{"languageCode": "iw"}, {"languageCode": "en"}], "he", 0),
])
def test_people_before_machines_and_the_asked_language_first(probe, sandbox, answer_with, items, language, chosen):
    answer_with("/youtubei/", player(sandbox, captions=sent(*items)))
    answer_with("/api/timedtext", "WEBVTT\n\n00:01.000 --> 00:02.500\nWool.\n")
    outcome = probe("youtube", VIDEO, language)
    assert outcome.ok, outcome
    assert f"n={chosen}&" in probe.asked(path="/api/timedtext")[0]["query"]
    assert outcome.result["language"] == items[chosen]["languageCode"]


FILES = {
    "json3": '{"events":[{"tStartMs":1000,"dDurationMs":1500,"segs":[{"utf8":"Wool "},{"utf8":"dye.","tOffsetMs":300}]}]}',
    "srv1": '<?xml version="1.0"?><transcript><text start="1" dur="1.5">Wool dye.</text></transcript>',
    "srv3": '<timedtext format="3"><body><p t="1000" d="1500"><s>Wool</s><s t="300"> dye.</s></p></body></timedtext>',
    "vtt": "WEBVTT\nKind: captions\n\n00:00:01.000 --> 00:00:02.500\nWool<00:00:01.300><c> dye.</c>\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_is_read_with_its_times(probe, answer_with, kind):
    answer_with("/api/timedtext", FILES[kind])
    assert probe("youtube", VIDEO).result["captions"] == [[1000, 2500, "Wool dye."]]


def test_a_gate_whose_proof_is_in_the_url_is_none(probe, sandbox, answer_with):
    url = "/api/timedtext?v=x&exp=xpe&pot=invented&lang=en"
    answer_with("/youtubei/", player(sandbox, captions=tracks({"baseUrl": url, "languageCode": "en"})))
    answer_with("/api/timedtext", FILES["vtt"])
    assert probe("youtube", VIDEO).ok


ODD_INPUT = {
    "javascript": "javascript:alert(1)//youtube.com/watch?v=dQx1_aB-9Zk", "ftp": "ftp://youtube.com/watch?v=dQx1_aB-9Zk",
    "file": "file:///etc/passwd", "other host": "https://vimeo.com/76979871", "host in path": "https://a.b/youtube.com/watch?v=dQx1_aB-9Zk",
    "user": "https://youtube.com@a.b/watch?v=dQx1_aB-9Zk", "loom id": "0123456789abcdef0123456789abcdef",
    "clip": "https://www.youtube.com/clip/UgkxInvented", "channel": "https://www.youtube.com/@invented",
    "long": "https://www.youtube.com/watch?v=" + "x" * 10_240, "line break": "https://www.youtube.com/\nwatch?v=dQx1_aB-9Zk",
    "quote": "';drop table videos;--", "percent": "https://www.youtube.com/watch?v=%00%00%00%00%00%00%00%00%00%00%00",
    "not ascii": "https://www.youtube.com/watch?v=dQx1_aB-9Zü",
}


@pytest.mark.parametrize("odd", ODD_INPUT)
def test_odd_input_gets_one_clear_error(probe, odd):
    outcome = probe("youtube", ODD_INPUT[odd])
    assert outcome.code == "input"
    assert outcome.message.startswith("YouTube: this is not a link to a single YouTube video, nor a video id.")
    assert "https://www.youtube.com/watch?v=" in outcome.message
    assert probe.asked() == []
