"""Checks every shape the sandbox answers with, and every kind of fault."""
import base64
import http.client
import json
import math
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from client import Sandbox  # noqa: E402
from library import Library, timed  # noqa: E402

LIBRARY = Library()
LOOM_VTT, LOOM_JSON = "a0c1b2d3e4f5061728394a5b6c7d8e9f", "b1d2c3e4f506172839405a6b7c8d9eaf"
LOOM_PRIVATE, LOOM_PROCESSING = "c2e3d4f50617283940516a7b8c9daebf", "e4051627384950617283940cadbecfd0"
LOOM_MEDIA_ONLY = "f5061728394a5b6c7d8e9f0abecfd0e1"
MUX_PUBLIC, MUX_SIGNED = "NightSkyPublic00001aBcDeFgHiJkLmNoPq", "BeesSigned00000002aBcDeFgHiJkLmNoPqR"
MUX_AUDIO, MUX_BARE = "WallNoCaptions0003aBcDeFgHiJkLmNoPqR", "BikeNothingYet0004aBcDeFgHiJkLmNoPqR"
MUX_PREPARING, MUX_WHOP = "AssetPreparing0005aBcDeFgHiJkLmNoPqR", "WhopBread000000011aBcDeFgHiJkLmNoPqR"
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")


@pytest.fixture(scope="module")
def server():
    with Sandbox("--slow-seconds", "0.3", "--max-object-bytes", str(40 << 20)) as sandbox:
        yield sandbox
        assert sandbox.complaints() == ""


@pytest.fixture
def box(server):
    server.reset()
    return server


def prose(lesson):
    """A lesson as one line."""
    return " ".join(LIBRARY.lessons[lesson].split())


def words(text):
    return re.findall(r"[\w'’-]*\w[\w'’-]*", text.lower())


# ---- YouTube ----

def player(box, video, client="ANDROID", version=None, **more):
    versions = {"ANDROID": "21.26.364", "IOS": "21.26.4", "WEB": "2.20260708.00.00", "VISIONOS": "1.02",
                "WEB_EMBEDDED_PLAYER": "2.20260708.00.00"}
    context = {"client": {"clientName": client, "clientVersion": version or versions[client], "hl": "en"}, **more}
    return box.post("/youtube/youtubei/v1/player?prettyPrint=false", {"context": context, "videoId": video})


def tracks(box, video, client="ANDROID"):
    answer = player(box, video, client).json()
    return answer["captions"]["playerCaptionsTracklistRenderer"]["captionTracks"]


def with_fmt(url, fmt):
    return re.sub(r"&fmt=\w+", "", url) + f"&fmt={fmt}"


def test_youtube_player_describes_a_captioned_video(box):
    answer = player(box, "WoolDyeing1").json()
    assert answer["playabilityStatus"]["status"] == "OK"
    assert answer["responseContext"]["visitorData"]
    assert answer["videoDetails"]["videoId"] == "WoolDyeing1"
    assert answer["videoDetails"]["lengthSeconds"] == "459"  # a string
    automatic, manual = tracks(box, "WoolDyeing1")
    assert (automatic["kind"], automatic["vssId"]) == ("asr", "a.en")
    assert "kind" not in manual and manual["vssId"] == ".en" and manual["languageCode"] == "en"
    assert automatic["baseUrl"].startswith(f"{box.url}/youtube/api/timedtext?v=WoolDyeing1&")
    assert "&expire=" in manual["baseUrl"] and "&signature=" in manual["baseUrl"]
    assert "fmt=srv3" in manual["baseUrl"]  # as Android's


def test_youtube_manual_captions_say_the_same_in_every_format(box):
    url = tracks(box, "WoolDyeing1")[1]["baseUrl"]
    text = prose("wool")
    json3 = json.loads(box.get(with_fmt(url, "json3")).text)
    assert json3["wireMagic"] == "pb3"
    assert " ".join("".join(s["utf8"] for s in e["segs"]) for e in json3["events"]).replace("\n", " ") == text
    for fmt, tag in (("srv1", "text"), ("srv2", "text"), ("srv3", "p"), ("ttml", "p")):
        root = ElementTree.fromstring(box.get(with_fmt(url, fmt)).text)
        said = " ".join("".join(e.itertext()) for e in root.iter() if e.tag.split("}")[-1] == tag)
        assert " ".join(said.replace("&#39;", "'").split()) == text
    vtt = box.get(with_fmt(url, "vtt"))
    assert vtt.text.startswith("WEBVTT\nKind: captions\nLanguage: en\n\n")
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert words(re.sub(r".*-->.*|WEBVTT\nKind.*\nLanguage.*", "", vtt.text)) == words(text)
    assert " --> " in box.get(with_fmt(url, "srt")).text
    no_fmt = re.sub(r"&fmt=\w+", "", url)
    assert "<transcript><text start=" in box.get(no_fmt).text
    assert "finger&amp;#39;s" in box.get(no_fmt).text  # encoded twice


def test_youtube_automatic_captions_roll(box):
    (track,) = tracks(box, "SourDough02")
    events = box.get(with_fmt(track["baseUrl"], "json3")).json()["events"]
    assert "segs" not in events[0] and events[0]["id"] == 1
    fillers = [e for e in events if e.get("aAppend")]
    lines = [e for e in events if "segs" in e and not e.get("aAppend")]
    assert fillers and all(e["segs"] == [{"utf8": "\n"}] for e in fillers)
    assert lines[0]["tStartMs"] + lines[0]["dDurationMs"] > lines[1]["tStartMs"]  # still there when the next begins
    assert lines[0]["segs"][1]["tOffsetMs"] > 0 and lines[0]["segs"][1]["utf8"].startswith(" ")
    said = " ".join("".join(s["utf8"] for s in e["segs"]) for e in lines)
    assert words(said) == words(LIBRARY.lessons["sourdough"]) and said == said.lower()
    vtt = box.get(with_fmt(track["baseUrl"], "vtt")).text
    assert "<c>" in vtt and "align:start position:0%" in vtt
    assert '<p t="' in box.get(with_fmt(track["baseUrl"], "srv3")).text


@pytest.mark.parametrize("video, status, reason", [
    ("PrivateVid1", "LOGIN_REQUIRED", "private"), ("AgeLimited1", "LOGIN_REQUIRED", "confirm your age"),
    ("MembersOnly", "UNPLAYABLE", "join this channel"), ("PaidVideo01", "UNPLAYABLE", "payment"),
    ("RegionLock1", "UNPLAYABLE", "not made this video available in"), ("NotABotPlz1", "LOGIN_REQUIRED", "not a bot"),
    ("TryLater001", "UNPLAYABLE", "try again later"), ("gone0000001", "ERROR", "removed"),
    ("NeverHeard1", "ERROR", "unavailable"), ("UpcomingLi1", "LIVE_STREAM_OFFLINE", "begin"),
])
def test_youtube_refuses_with_the_real_words(box, video, status, reason):
    reply = player(box, video)
    playability = reply.json()["playabilityStatus"]
    assert reply.status == 200 and playability["status"] == status
    assert reason in json.dumps(playability, ensure_ascii=False).lower()
    assert "captions" not in reply.json()


def test_youtube_other_states(box):
    assert player(box, "LiveStream1").json()["videoDetails"]["isLive"] is True
    upcoming = player(box, "UpcomingLi1").json()["playabilityStatus"]["liveStreamability"]
    slate = upcoming["liveStreamabilityRenderer"]["offlineSlate"]["liveStreamOfflineSlateRenderer"]
    assert int(slate["scheduledStartTime"]) > time.time()
    assert "captions" not in player(box, "NoCaptions1").json()
    embed = {"thirdParty": {"embedUrl": "https://example.org/"}}
    assert player(box, "AgeEmbedOk1", "WEB_EMBEDDED_PLAYER", **embed).json()["captions"]
    assert "captions" not in player(box, "AgeLimited1", "WEB_EMBEDDED_PLAYER", **embed).json()
    assert player(box, "MadeForKids", "VISIONOS").json()["playabilityStatus"]["status"] == "UNPLAYABLE"
    assert player(box, "MadeForKids").json()["captions"]
    assert tracks(box, "RelativeUrl")[0]["baseUrl"].startswith("/api/timedtext?")


def test_youtube_gated_caption_urls_give_an_empty_page(box):
    for url in (tracks(box, "GatedXpe001")[0]["baseUrl"], tracks(box, "WoolDyeing1", "WEB")[0]["baseUrl"]):
        assert "&exp=xpe" in url
        reply = box.get(with_fmt(url, "json3"))
        assert (reply.status, reply.body) == (200, b"")
        assert box.get(url.replace("&exp=xpe", "")).status == 403  # it is under the signature
        assert box.get(url + "&pot=token").body


def test_youtube_caption_urls_are_signed_and_expire(box):
    url = tracks(box, "WoolDyeing1")[1]["baseUrl"]
    assert box.get(re.sub(r"expire=\d+", "expire=1900000000", url)).status == 403
    assert box.get(url + "&tlang=de").status == 429
    with Sandbox("--url-ttl", "-1") as late:
        assert late.get(tracks(late, "WoolDyeing1")[1]["baseUrl"]).status == 404


def test_youtube_refuses_stale_clients_and_bad_ids(box):
    stale = player(box, "WoolDyeing1", version="19.09.37")
    assert (stale.status, stale.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    bad = player(box, "short")
    assert (bad.status, bad.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert box.post("/youtube/youtubei/v1/player", b"{").json()["error"]["code"] == 400


def test_youtube_watch_page(box):
    page = box.get("/youtube/watch?v=WoolDyeing1&hl=en").text
    for name in ("INNERTUBE_API_KEY", "INNERTUBE_CLIENT_VERSION", "VISITOR_DATA"):
        assert re.search(f'"{name}":"[^"]+"', page)
    assert "ytInitialPlayerResponse" in page


def test_youtube_synthetic_ids(box):
    def said(video):
        events = box.get(with_fmt(tracks(box, video)[0]["baseUrl"], "json3")).json()["events"]
        return " ".join(e["segs"][0]["utf8"] for e in events)
    assert "bulk0000042" in said("bulk0000042")
    assert said("bulk0000042") == said("bulk0000042") != said("bulk0000043")
    started = time.monotonic()
    assert said("slow0000001")
    assert time.monotonic() - started >= 0.3


# ---- Loom ----

TRANSCRIPT_QUERY = ("query FetchVideoTranscript($videoId: ID!, $password: String) { fetchVideoTranscript(videoId: "
                    "$videoId, password: $password) { __typename } }")


def loom(box, video, query=TRANSCRIPT_QUERY):
    reply = box.post("/loom/graphql", {"operationName": "FetchVideoTranscript", "query": query,
                                       "variables": {"videoId": video, "password": None}})
    assert reply.status == 200
    return reply.json()


def transcript(box, video):
    return loom(box, video)["data"]["fetchVideoTranscript"]


def test_loom_vtt_and_phrases(box):
    answer = transcript(box, LOOM_VTT)
    assert answer["__typename"] == "VideoTranscriptDetails" and answer["video_id"] == LOOM_VTT
    url = answer["captions_source_url"]
    assert url.startswith(f"{box.url}/loom/mediametadata/captions/{LOOM_VTT}-1.vtt?Policy=")
    vtt = box.get(url).text
    assert vtt.startswith("WEBVTT\n") and "<v Ida Spoke>" in vtt
    answer = transcript(box, LOOM_JSON)
    assert answer["captions_source_url"] is None
    phrases = box.get(answer["source_url"]).json()["phrases"]
    assert words(" ".join(p["value"] for p in phrases)) == words(LIBRARY.lessons["beekeeping"])
    assert phrases[0]["ts"] == 0.5 and phrases[0]["value"].startswith(" ")


def test_loom_refuses_with_status_200(box):
    assert transcript(box, LOOM_PRIVATE)["__typename"] == "GenericError"
    assert "permission" in transcript(box, LOOM_PRIVATE)["message"]
    assert "not found" in transcript(box, "0" * 32)["message"]
    processing = transcript(box, LOOM_PROCESSING)
    assert processing["transcription_status"] == "processing" and processing["source_url"] is None
    assert box.post("/_sandbox/library", {"id": LOOM_PROCESSING, "state": "ok"}).status == 200
    assert transcript(box, LOOM_PROCESSING)["captions_source_url"]
    assert transcript(box, LOOM_MEDIA_ONLY)["transcription_status"] == "success"
    errors = loom(box, LOOM_VTT, "query X { nothing }")["errors"]
    assert errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert box.post("/loom/graphql", [{}]).status == 400


def test_loom_signed_urls(box):
    url = transcript(box, LOOM_VTT)["captions_source_url"]
    reply = box.get(url.replace("Signature=", "Signature=0"))
    assert reply.status == 403 and "<Code>AccessDenied</Code>" in reply.text


def test_loom_oembed_and_metadata(box):
    share = urllib.parse.quote(f"https://www.loom.com/share/{LOOM_VTT}", safe="")
    answer = box.get(f"/loom/v1/oembed?url={share}").json()
    assert answer["title"].startswith("Bicycle") and answer["duration"] > 400 and answer["provider_name"] == "Loom"
    assert box.get("/loom/v1/oembed?url=https://www.loom.com/share/" + LOOM_PRIVATE).status == 404
    query = "query GetVideoSSR($videoId: ID!) { getVideo(id: $videoId) { __typename } }"
    assert loom(box, LOOM_VTT, query)["data"]["getVideo"]["__typename"] == "RegularUserVideo"
    assert loom(box, LOOM_PRIVATE, query)["data"]["getVideo"]["__typename"] == "PrivateVideo"
    assert loom(box, "0" * 32, query)["data"]["getVideo"] is None


@needs_ffmpeg
def test_loom_media(box):
    body = {"anonID": "x", "deviceID": None, "force_original": False, "password": None}
    url = box.post(f"/loom/api/campaigns/sessions/{LOOM_MEDIA_ONLY}/transcoded-url", body).json()["url"]
    assert urllib.parse.urlsplit(url).path.endswith(".mp4")
    assert box.get(url).headers["content-type"] == "video/mp4"
    assert box.post(f"/loom/api/campaigns/sessions/{'172839405162738495a6b7c8d9eafb0c'}/raw-url", body).status == 204


# ---- Mux ----

def asset_of(box, playback):
    key = box.get(f"/mux/video/v1/playback-ids/{playback}").json()["data"]["object"]["id"]
    return box.get(f"/mux/video/v1/assets/{key}").json()["data"]


def text_track(asset):
    return next(t for t in asset["tracks"] if t["type"] == "text")


def test_mux_asset_with_captions(box):
    data = box.get(f"/mux/video/v1/playback-ids/{MUX_PUBLIC}").json()["data"]
    assert data["policy"] == "public" and data["object"]["type"] == "asset"
    asset = asset_of(box, MUX_PUBLIC)
    track = text_track(asset)
    assert asset["status"] == "ready" and isinstance(asset["duration"], float)
    assert (track["status"], track["text_source"]) == ("ready", "generated_vod")
    assert all("status" not in t for t in asset["tracks"] if t["type"] != "text")
    vtt = box.get(f"/mux-stream/{MUX_PUBLIC}/text/{track['id']}.vtt")
    assert vtt.text.startswith("WEBVTT") and vtt.headers["content-type"] == "text/vtt"
    assert words(box.get(f"/mux-stream/{MUX_PUBLIC}/text/{track['id']}.txt").text) == words(LIBRARY.lessons["nightsky"])
    assert "TYPE=SUBTITLES" in box.get(f"/mux-stream/{MUX_PUBLIC}.m3u8").text
    assert box.get(f"/mux-stream/{MUX_PUBLIC}/text/nothing.vtt").status == 404


def test_mux_states(box):
    preparing = asset_of(box, MUX_PREPARING)
    assert preparing["status"] == "preparing" and "tracks" not in preparing and "duration" not in preparing
    assert box.get(f"/mux-stream/{MUX_PREPARING}/text/x.vtt").status == 412
    assert text_track(asset_of(box, "TrackPreparing0006aBcDeFgHiJkLmNoPqR"))["status"] == "preparing"
    errored = asset_of(box, "AssetErrored000008aBcDeFgHiJkLmNoPqR")
    assert errored["status"] == "errored" and errored["errors"]["messages"]
    silent = asset_of(box, "SilentFilm00000009aBcDeFgHiJkLmNoPqR")
    assert [t["type"] for t in silent["tracks"]] == ["video"]
    files = asset_of(box, MUX_AUDIO)["static_renditions"]["files"]
    assert files[0]["name"] == "audio.m4a" and files[0]["filesize"].isdigit()


def test_mux_orders_are_preparing_first(box):
    asset = asset_of(box, MUX_BARE)
    audio = next(t for t in asset["tracks"] if t["type"] == "audio")
    path = f"/mux/video/v1/assets/{asset['id']}"
    order = {"generated_subtitles": [{"language_code": "en", "name": "English (generated)"}]}
    reply = box.post(f"{path}/tracks/{audio['id']}/generate-subtitles", order)
    assert reply.status == 201 and reply.json()["data"][0]["status"] == "preparing"
    assert box.post(f"{path}/tracks/{audio['id']}/generate-subtitles", order).status == 400
    assert box.post(f"{path}/static-renditions", {"resolution": "audio-only"}).status == 201
    assert [text_track(asset_of(box, MUX_BARE))["status"] for _ in range(3)] == ["preparing", "preparing", "ready"]
    assert asset_of(box, MUX_BARE)["static_renditions"]["status"] == "ready"


def jwt(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'RS256', 'kid': 'key1'})}.{part(claims)}.c2lnbmF0dXJl"


def test_mux_signed_playback(box):
    track = text_track(asset_of(box, MUX_SIGNED))["id"]
    path = f"/mux-stream/{MUX_SIGNED}/text/{track}.vtt"
    soon = int(time.time()) + 600
    assert box.get(path).status == 403
    assert box.get(f"{path}?token={jwt(sub=MUX_SIGNED, aud='v', exp=soon)}").status == 200
    assert box.get(f"{path}?token={jwt(sub=MUX_SIGNED, aud='t', exp=soon)}").status == 403
    assert box.get(f"{path}?token={jwt(sub=MUX_SIGNED, aud='v', exp=1)}").status == 403
    assert box.get(f"{path}?token={jwt(sub=MUX_PUBLIC, aud='v', exp=soon)}").status == 403
    assert box.get(f"/mux-stream/{MUX_PUBLIC}.m3u8?token=x").json() == {"code": 3, "message": "Invalid parameter"}


def test_mux_errors(box):
    missing = box.get("/mux/video/v1/assets/unknownAsset")
    assert missing.status == 404 and missing.json()["error"]["type"] == "not_found"
    assert box.get("/mux/video/v1/assets/no-such-form").json()["error"]["messages"] == ["Failed to parse ID"]
    assert box.get(f"/mux/video/v1/playback-ids/{MUX_WHOP}").status == 404  # of another account
    box.fault(match="/mux/", status=429)
    assert box.get("/mux/video/v1/assets").json() == {"errors": ["Too many requests, retry later."]}
    box.reset()
    page = box.get("/mux/video/v1/assets?limit=4").json()
    assert len(page["data"]) == 4 and page["next_cursor"]


# ---- Whop ----

def test_whop_lessons(box):
    lesson = box.get("/whop/course_lessons/lesn_BreadMux00001").json()
    asset = lesson["video_asset"]
    assert asset["status"] == "ready" and asset["playback_id"] is None
    query = f"?token={asset['signed_video_playback_token']}"
    playlist = box.get(f"/mux-stream/{asset['signed_playback_id']}.m3u8{query}").text
    subtitles = re.search(r'TYPE=SUBTITLES.*URI="([^"]+)"', playlist)[1]
    assert box.get(subtitles).text.startswith("WEBVTT")
    lesson = box.get("/whop/course_lessons/lesn_WoolTube00002").json()
    assert (lesson["embed_type"], lesson["embed_id"], lesson["video_asset"]) == ("youtube", "WoolDyeing1", None)
    uploading = box.get("/whop/course_lessons/lesn_Uploading0004").json()["video_asset"]
    assert uploading["status"] == "uploading" and uploading["asset_id"] is None
    text = box.get("/whop/course_lessons/lesn_TextOnly00005").json()
    assert text["lesson_type"] == "text" and text["content"]


def test_whop_lists_and_errors(box):
    first = box.get("/whop/course_lessons?course_id=cors_Sandbox00000001&first=4").json()
    assert len(first["data"]) == 4 and first["page_info"]["has_next_page"]
    assert "video_asset" not in first["data"][0]
    after = first["page_info"]["end_cursor"]
    rest = box.get(f"/whop/course_lessons?course_id=cors_Sandbox00000001&first=4&after={after}").json()
    assert len(rest["data"]) == 4 and not rest["page_info"]["has_next_page"]
    assert box.get("/whop/course_lessons/lesn_none").json()["error"]["type"] == "not_found"
    assert box.get("/whop/course_lessons/lesn_Forbidden0006").status == 403
    box.fault(match="/whop/", status=429, times=1)
    reply = box.get("/whop/courses")
    assert reply.json()["error"]["type"] == "rate_limit_exceeded"
    assert "Try again in 12 seconds" in reply.json()["error"]["message"]


# ---- Storage ----

OBJECT = "/storage/v1/object"


def upload(box, path, data=b"hello", **headers):
    return box.call("POST", f"{OBJECT}/{path}", data, {"Content-Type": "video/mp4", **headers})


def test_storage_upload_download_replace(box):
    reply = upload(box, "videos/c1/v1/a%20b.mp4")
    assert reply.status == 200 and reply.json()["Key"] == "videos/c1/v1/a b.mp4" and reply.json()["Id"]
    reply = box.get(f"{OBJECT}/videos/c1/v1/a%20b.mp4")
    assert reply.body == b"hello" and reply.headers["content-type"] == "video/mp4" and reply.headers["last-modified"]
    etag = reply.headers["etag"]
    part = box.get(f"{OBJECT}/authenticated/videos/c1/v1/a%20b.mp4", {"Range": "bytes=1-3", "If-Range": etag})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/5")
    assert box.get(f"{OBJECT}/videos/c1/v1/a%20b.mp4", {"Range": "bytes=1-", "If-Range": '"old"'}).status == 200
    again = upload(box, "videos/c1/v1/a%20b.mp4", b"other")
    assert again.status == 400 and again.json()["statusCode"] == "409" and again.json()["error"] == "Duplicate"
    assert upload(box, "videos/c1/v1/a%20b.mp4", b"other", **{"x-upsert": "true"}).status == 200
    head = box.call("HEAD", f"{OBJECT}/videos/c1/v1/a%20b.mp4")
    assert head.status == 200 and head.headers["content-length"] == "5" and head.body == b""
    info = box.get(f"{OBJECT}/info/videos/c1/v1/a%20b.mp4").json()
    assert info["size"] == 5 and info["content_type"] == "video/mp4"


@pytest.mark.parametrize("method, path, code, status", [
    ("GET", "videos/c1/v1/none.mp4", "NoSuchKey", "404"), ("GET", "nobucket/a/b.mp4", "NoSuchBucket", "404"),
    ("POST", "videos/a/..%2Fb.mp4", "InvalidKey", "400"), ("POST", "videos/a/%5Bb%5D.mp4", "InvalidKey", "400"),
])
def test_storage_statuses_lie(box, method, path, code, status):
    reply = box.call(method, f"{OBJECT}/{path}", b"x" if method == "POST" else None, {"Content-Type": "video/mp4"})
    assert reply.status == 400
    assert (reply.json()["code"], reply.json()["statusCode"]) == (code, status)


def test_storage_limits(box):
    csv = upload(box, "videos/exports/x.csv", **{"Content-Type": "text/csv"})
    assert csv.status == 400 and csv.json()["statusCode"] == "415"
    large = box.call("POST", f"{OBJECT}/user-uploads/x.bin", b"", {"Content-Length": str(41 << 20)})
    assert large.status == 400 and large.json()["code"] == "EntityTooLarge" and large.headers["connection"] == "close"


def test_storage_signed_urls(box):
    upload(box, "user-uploads/c1/x.csv", b"a;b", **{"Content-Type": "text/csv"})
    reply = box.post(f"{OBJECT}/sign/user-uploads/c1/x.csv", {"expiresIn": 60})
    url = reply.json()["signedURL"]
    assert url.startswith("/object/sign/user-uploads/c1/x.csv?token=")
    got = box.get("/storage/v1" + url + "&download=report.csv")
    assert got.body == b"a;b" and "report.csv" in got.headers["content-disposition"]
    bad = box.get("/storage/v1" + url[:-4] + "0000")
    assert bad.status == 400 and bad.json()["code"] == "InvalidSignature"
    many = box.post(f"{OBJECT}/sign/user-uploads", {"expiresIn": 60, "paths": ["c1/x.csv", "c1/none"]}).json()
    assert many[0]["error"] is None and many[1]["signedURL"] is None and many[1]["error"]
    order = box.post(f"{OBJECT}/upload/sign/user-uploads/c1/y.csv", {}).json()
    assert order["token"] in order["url"]
    assert box.call("PUT", "/storage/v1" + order["url"], b"new").status == 200
    assert box.get(f"{OBJECT}/user-uploads/c1/y.csv").body == b"new"


def test_storage_list_and_delete(box):
    for name in ("c1/a.bin", "c1/b.bin", "c1/sub/c.bin"):
        upload(box, f"user-uploads/{name}")
    rows = box.post(f"{OBJECT}/list/user-uploads", {"prefix": "c1/", "limit": 100, "offset": 0}).json()
    assert [(r["name"], r["id"] is None) for r in rows] == [("a.bin", False), ("b.bin", False), ("sub", True)]
    assert rows[0]["metadata"]["size"] == 5
    gone = box.call("DELETE", f"{OBJECT}/user-uploads", {"prefixes": ["c1/a.bin", "c1/none.bin"]})
    assert gone.status == 200 and [r["name"] for r in gone.json()] == ["c1/a.bin"]
    assert box.call("DELETE", f"{OBJECT}/user-uploads/c1/b.bin").json() == {"message": "Successfully deleted"}
    assert box.call("DELETE", f"{OBJECT}/user-uploads/c1/b.bin").json()["code"] == "NoSuchKey"


@needs_ffmpeg
def test_storage_samples_exist_until_they_are_deleted(box):
    path = "sample-creator/drystone-video/drystone.mp4"
    reply = box.get(f"{OBJECT}/videos/{path}")
    assert reply.headers["content-type"] == "video/mp4" and reply.body[4:8] == b"ftyp"
    assert box.get(f"{OBJECT}/videos/any/where/wool.mp3").body
    box.call("DELETE", f"{OBJECT}/videos", {"prefixes": [path]})
    assert box.get(f"{OBJECT}/videos/{path}").json()["code"] == "NoSuchKey"


# ---- OpenAI: speech ----

SPEECH = "/openai/v1/audio/transcriptions"


def recording(box, tmp_path, name):
    data = box.get(f"{OBJECT}/videos/c/v/{name}").body
    path = tmp_path / name
    path.write_bytes(data)
    return path


def cut(path, seconds):
    """16 kHz mono Opus parts, as a worker sends them."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:a:0", "-vn", "-ac", "1", "-ar",
                    "16000", "-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-f", "segment",
                    "-segment_time", str(seconds), "-reset_timestamps", "1", str(path.parent / "part%03d.ogg")],
                   check=True)
    return sorted(path.parent.glob("part*.ogg"))


@needs_ffmpeg
@pytest.mark.parametrize("lesson, seconds", [("drystone", 600), ("wool", 97), ("bicycle", 200.3)])
def test_speech_recognises_every_part_of_a_recording(box, tmp_path, lesson, seconds):
    said = []
    for part in cut(recording(box, tmp_path, f"{lesson}.mp4"), seconds):
        reply = box.form(SPEECH, [("model", "whisper-1"), ("response_format", "verbose_json"), ("language", "en")],
                         part.name, part.read_bytes())
        answer = reply.json()
        assert reply.status == 200 and answer["language"] == "english" and answer["task"] == "transcribe"
        assert answer["segments"][0]["text"].startswith(" ") and answer["segments"][0]["no_speech_prob"] < 0.6
        assert all(0 <= s["start"] < s["end"] <= answer["duration"] + 0.1 for s in answer["segments"])
        assert answer["usage"] == {"type": "duration", "seconds": math.ceil(answer["duration"])}
        said.append(answer["text"])
    assert " ".join(said) == prose(lesson)
    form = box.requests("provider=openai")[-1]["note"]["form"]
    assert form == {"model": "whisper-1", "response_format": "verbose_json", "language": "en"}


@needs_ffmpeg
def test_speech_times_are_those_of_the_recording(box, tmp_path):
    path = recording(box, tmp_path, "sourdough.m4a")
    answer = box.form(SPEECH, [("model", "whisper-1"), ("response_format", "verbose_json"),
                               ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")],
                      path.name, path.read_bytes()).json()
    expected = timed(LIBRARY.lessons["sourdough"])
    assert len(answer["segments"]) == len(expected)
    assert all(abs(s["start"] * 1000 - e.start_ms) < 150 for s, e in zip(answer["segments"], expected))
    assert answer["words"][0]["word"] == "Good"


@needs_ffmpeg
def test_speech_without_speech(box, tmp_path):
    silence = recording(box, tmp_path, "silence.mp3")
    answer = box.form(SPEECH, [("model", "whisper-1"), ("response_format", "verbose_json")], silence.name,
                      silence.read_bytes()).json()
    assert answer["text"] == "" and answer["segments"] == [] and answer["duration"] > 60
    for name in ("no-audio.mp4", "broken.mp4"):
        path = recording(box, tmp_path, name)
        reply = box.form(SPEECH, [("model", "whisper-1")], name, path.read_bytes())
        assert reply.status == 400 and "could not be decoded" in reply.json()["error"]["message"]


def wav(seconds, hz=137):
    samples = b"".join(struct.pack("<h", round(9000 * math.sin(2 * math.pi * hz * i / 8000)))
                       for i in range(int(8000 * seconds)))
    return (b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", len(samples)) + samples)


def test_speech_of_a_stranger_takes_a_lesson(box):
    def said(filename, seconds=20, **fields):
        reply = box.form(SPEECH, [("model", "whisper-1"), *fields.items()], filename, wav(seconds))
        return reply.json()["text"]
    assert prose("wool").startswith(said("wool.wav"))
    first, second = said("part000.wav"), said("part001.wav")
    assert prose("beekeeping").startswith(f"{first} {second}")


def test_speech_formats(box):
    def answer(shape, model="whisper-1"):
        return box.form(SPEECH, [("model", model), ("response_format", shape)], "wool.wav", wav(12))
    assert answer("text").headers["content-type"].startswith("text/plain")
    assert answer("vtt").text.startswith("WEBVTT")
    assert answer("srt").text.startswith("1\n00:00:00,500 --> ")
    assert set(answer("json").json()) == {"text", "usage"}
    assert answer("json", "gpt-4o-mini-transcribe").json()["usage"]["type"] == "tokens"
    refused = answer("verbose_json", "gpt-4o-transcribe")
    assert refused.status == 400 and refused.json()["error"]["code"] == "unsupported_value"


def test_speech_errors(box):
    def error(fields, filename="a.wav", data=b""):
        reply = box.form(SPEECH, fields, filename, data)
        return reply.status, reply.json()["error"]
    status, e = error([("model", "whisper-1")], "noextension", wav(1))
    assert status == 400 and e["message"].startswith("Invalid file format. Supported formats:")
    assert "could not be decoded" in error([("model", "whisper-1")], data=b"junk" * 99)[1]["message"]
    assert error([("model", "whisper-1")], data=wav(0.05))[1]["code"] == "audio_too_short"
    assert error([("model", "whisper-9")], data=wav(1))[1]["code"] == "model_not_found"
    assert error([], data=wav(1))[1]["message"] == "you must provide a model parameter"
    assert error([("model", "whisper-1")], None)[0] == 400
    assert box.post(SPEECH, {"model": "whisper-1"}).status == 400
    large = box.call("POST", SPEECH, b"", {"Content-Length": "26214401", "Content-Type": "multipart/form-data"})
    assert large.status == 413 and large.json()["error"]["type"] == "server_error"
    assert "Maximum content size limit (26214400) exceeded" in large.json()["error"]["message"]


# ---- OpenAI: embeddings, models ----

def embed(box, texts, **more):
    return box.post("/openai/v1/embeddings", {"model": "text-embedding-3-small", "input": texts, **more})


def vectors(box, texts, **more):
    return [row["embedding"] for row in embed(box, texts, **more).json()["data"]]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def test_embeddings_shape(box):
    reply = embed(box, ["Wool takes up colour slowly.", "Bread"])
    answer = reply.json()
    assert [row["index"] for row in answer["data"]] == [0, 1] and answer["object"] == "list"
    assert answer["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    first = answer["data"][0]["embedding"]
    assert len(first) == 1536 and abs(dot(first, first) - 1) < 1e-3
    packed = base64.b64decode(vectors(box, "Wool takes up colour slowly.", encoding_format="base64")[0])
    assert list(struct.unpack("<1536f", packed)) == pytest.approx(first, abs=1e-7)
    short = vectors(box, "x", dimensions=256)[0]
    assert len(short) == 256 and abs(dot(short, short) - 1) < 1e-3
    assert re.fullmatch(r"req_[0-9a-f]{32}", reply.headers["x-request-id"])
    assert reply.headers["x-ratelimit-limit-requests"] == "500" and reply.headers["x-ratelimit-reset-tokens"] == "60ms"


def test_every_question_is_nearest_to_its_lesson(box):
    names = sorted(LIBRARY.lessons)
    stored = vectors(box, [LIBRARY.lessons[name] for name in names], encoding_format="float")
    asked = [video for video in box.get("/_sandbox/library").json() if video["question"]]
    assert len(asked) >= 6
    for video, question in zip(asked, vectors(box, [video["question"] for video in asked])):
        near = [dot(question, lesson) for lesson in stored]
        assert names[near.index(max(near))] in video["lesson"], video["question"]


@pytest.mark.parametrize("texts, more, status, message", [
    (["a", ""], {}, 400, "input cannot be an empty string"), (["x"] * 2049, {}, 400, "array too long"),
    ("x" * 32772, {}, 400, "maximum context length is 8192 tokens, however you requested 8193 tokens"),
    (["x" * 30000] * 41, {}, 400, "Requested 307500 tokens, max 300000 tokens per request"),
    ([], {}, 400, "'$.input' is invalid"), ([{}], {}, 400, "'$.input' is invalid"),
    ("x", {"model": "nope"}, 404, "does not exist"), ("x", {"encoding_format": "hex"}, 400, "Invalid value"),
    ("x", {"dimensions": 4000}, 400, "dimensions"),
    ("x", {"model": "text-embedding-ada-002", "dimensions": 9}, 400, "does not support"),
])
def test_embeddings_refuse(box, texts, more, status, message):
    reply = embed(box, texts, **more)
    assert reply.status == status and message in reply.json()["error"]["message"]
    assert reply.json()["error"]["type"]


def test_models(box):
    listed = [m["id"] for m in box.get("/openai/v1/models").json()["data"]]
    assert "whisper-1" in listed and "text-embedding-3-small" in listed
    assert box.get("/openai/v1/models/whisper-1").json()["object"] == "model"
    assert box.get("/openai/v1/models/none").json()["error"]["code"] == "model_not_found"


def test_keys_are_checked_on_request():
    with Sandbox("--require-key", "right-key-000000") as box:
        missing = box.get("/openai/v1/models")
        assert missing.status == 401 and missing.json()["error"]["code"] is None
        wrong = box.get("/openai/v1/models", {"Authorization": "Bearer wrong"})
        assert wrong.status == 401 and wrong.json()["error"]["code"] == "invalid_api_key"
        assert box.get("/openai/v1/models", {"Authorization": "Bearer right-key-000000"}).status == 200
        assert box.get("/mux/video/v1/assets").json()["error"]["type"] == "unauthorized"
        basic = base64.b64encode(b"id:right-key-000000").decode()
        assert box.get("/mux/video/v1/assets", {"Authorization": f"Basic {basic}"}).status == 200
        assert box.get("/whop/courses").status == 401
        refused = box.get(f"{OBJECT}/videos/a/b.mp4", {"Authorization": "Bearer wrong"})
        assert refused.status == 400 and refused.json()["message"] == "Invalid Compact JWS"


# ---- faults ----

def test_fault_status(box):
    box.fault(match="/openai/", times=2, status=429, headers={"retry-after-ms": "1500"})
    first = embed(box, "x")
    assert first.status == 429 and first.headers["retry-after-ms"] == "1500"
    assert first.json()["error"]["code"] == "rate_limit_exceeded" and first.headers["x-request-id"]
    assert embed(box, "x").status == 429
    assert embed(box, "x").status == 200
    assert box.get("/_sandbox/faults").json()[0]["hits"] == 2
    box.fault(match="GET ^/whop/.*s$", status=418, body={"own": 1})
    assert box.get("/whop/courses").json() == {"own": 1}
    assert box.post("/whop/courses", {}).status == 404
    box.fault(match="/loom/", body="<html>wall</html>", status=403)
    assert box.get("/loom/v1/oembed?url=x").text == "<html>wall</html>"
    assert box.call("DELETE", "/_sandbox/faults").json() == {"cleared": 3}
    assert box.get("/whop/courses").status == 200


def test_fault_defaults_have_the_providers_shape(box):
    box.fault(match="/", status=503)
    assert player(box, "WoolDyeing1").json()["error"]["status"] == "UNAVAILABLE"
    assert embed(box, "x").json()["error"]["code"] == "server_is_overloaded"
    assert "<html>" in box.get(f"{OBJECT}/videos/a").text
    assert box.get("/_sandbox/health").status == 200  # the control API is spared


def test_fault_skip_and_contains(box):
    box.fault(match="/player", contains="bulk0000002", status=500)
    assert player(box, "bulk0000001").status == 200
    assert player(box, "bulk0000002").status == 500
    box.reset()
    box.fault(match="/whop/", skip=1, times=1, status=500)
    assert [box.get("/whop/courses").status for _ in range(3)] == [200, 500, 200]


def test_fault_delay_and_slow(box):
    box.fault(match="/whop/", kind="delay", delay_ms=200, times=1)
    box.fault(match="/whop/", kind="slow", delay_ms=200, times=1)
    for _ in range(2):
        started = time.monotonic()
        assert box.get("/whop/courses").json()["data"]
        assert time.monotonic() - started >= 0.2


def test_fault_reset(box):
    box.fault(match="/whop/", kind="reset", times=1)
    with pytest.raises(ConnectionResetError):
        box.get("/whop/courses")
    assert box.requests()[0]["status"] == 0


def test_fault_reset_after_the_work_was_done(box):
    box.fault(match="/storage/", kind="reset", late=True, times=1)
    with pytest.raises(ConnectionResetError):
        upload(box, "user-uploads/a.bin")
    assert upload(box, "user-uploads/a.bin").json()["statusCode"] == "409"


def test_fault_truncate(box):
    box.fault(match="/whop/", kind="truncate", times=1)
    with pytest.raises(http.client.IncompleteRead):
        box.get("/whop/courses")


def test_fault_garbage_and_empty(box):
    box.fault(match="/whop/", kind="garbage", times=1)
    reply = box.get("/whop/courses")
    assert reply.status == 200 and reply.headers["content-type"].startswith("application/json")
    with pytest.raises(ValueError):
        reply.json()
    box.fault(match="/whop/", kind="empty", times=1)
    reply = box.get("/whop/courses")
    assert (reply.status, reply.body) == (200, b"")


def test_fault_rules_are_checked(box):
    for spec in ({"kind": "explode"}, {"status": 99}, {"times": -1}, {"match": 5}, {"headers": []}, [],
                 {"headers": {"a": "b\r\nc: d"}}):
        assert box.post("/_sandbox/faults", spec).status == 400


# ---- the log and the server itself ----

def test_request_log(box):
    box.get(f"{OBJECT}/videos/x", {"Authorization": "Bearer secret-secret-abcd", "apikey": "short"})
    embed(box, ["one", "two"])
    first, second = box.requests()
    assert first["provider"] == "storage" and first["status"] == 400 and first["method"] == "GET"
    assert first["headers"]["authorization"] == "Bearer ***abcd" and first["headers"]["apikey"] == "***"
    assert second["json"]["input"] == ["one", "two"] and second["note"] == {"inputs": 2, "tokens": 2}
    assert [r["id"] for r in box.requests(f"since={first['id']}")] == [second["id"]]
    assert len(box.requests("provider=openai&method=post&path=/embeddings")) == 1
    summary = box.get("/_sandbox/requests?summary=1").json()
    assert summary["calls"] == {"storage GET 400": 1, "openai POST 200": 1}
    box.get(tracks(box, "WoolDyeing1")[0]["baseUrl"])
    assert "signature=***" in box.requests()[-1]["query"]
    box.call("DELETE", "/_sandbox/requests")
    assert box.requests() == []


def raw(box, data):
    with socket.create_connection(("127.0.0.1", box.port), timeout=10) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        reply = b""
        while chunk := s.recv(65536):
            reply += chunk
    return reply


@pytest.mark.parametrize("data", [
    b"GET\r\n\r\n", b"NONSENSE / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /%ff HTTP/1.1\r\n\r\n",
    b"GET /storage/v1/object/videos/%ff HTTP/1.1\r\n\r\n",
    b"POST /openai/v1/embeddings HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /openai/v1/embeddings HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}",
    b"POST /openai/v1/embeddings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /openai/v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    b"POST /loom/graphql HTTP/1.1\r\nContent-Length: 4\r\n\r\n\"ab\"",
    b"POST /openai/v1/audio/transcriptions HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 3\r\n\r\n--x",
    b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    b"POST /youtube/youtubei/v1/player HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"[" * 20000,
])
def test_malformed_requests_get_an_error_in_json(box, data):
    reply = raw(box, data)
    head, _, body = reply.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (4\d\d|501|505) ", head), head
    assert "error" in body.decode() and json.loads(body)


def test_hostile_values_are_not_the_servers_fault(box):
    odd = [None, 7, [], {}, "", "\ud800", "x" * 5000, {"clientName": []}, [[]], True]
    for value in odd:
        for path, body in (("/youtube/youtubei/v1/player", {"context": value, "videoId": value}),
                           ("/youtube/youtubei/v1/player", {"context": {"client": value}, "videoId": "bulk0000001"}),
                           ("/loom/graphql", {"query": value, "variables": value}),
                           ("/loom/graphql", {"query": TRANSCRIPT_QUERY, "variables": {"videoId": value}}),
                           ("/openai/v1/embeddings", {"model": value, "input": value}),
                           ("/openai/v1/embeddings", {"model": "text-embedding-3-small", "input": [value]}),
                           ("/openai/v1/embeddings", {"model": "text-embedding-3-small", "input": "x",
                                                      "encoding_format": value, "dimensions": value}),
                           (f"{OBJECT}/sign/videos/a/b/wool.wav", {"expiresIn": value}),
                           (f"{OBJECT}/list/videos", {"prefix": value, "limit": value, "sortBy": value}),
                           (f"{OBJECT}/list/videos", value), ("/_sandbox/faults", {"match": value, "kind": value}),
                           ("/_sandbox/library", {"id": value, "state": value})):
            assert box.post(path, json.dumps(body).encode()).status < 500, (path, body)
        box.call("DELETE", "/_sandbox/faults")


def test_keep_alive_and_chunked_bodies(box):
    connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=10)
    body = json.dumps({"model": "text-embedding-3-small", "input": "x"}).encode()
    for _ in range(3):
        connection.request("POST", "/openai/v1/embeddings", iter([body[:9], body[9:]]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        reply = connection.getresponse()
        assert reply.status == 200 and json.loads(reply.read())["data"]
    connection.request("HEAD", "/youtube/watch?v=WoolDyeing1")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/_sandbox/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_fifty_connections_at_once(box):
    box.fault(match="/whop/", kind="delay", delay_ms=500)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(box.get("/whop/courses").status)) for _ in range(50)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50
    assert time.monotonic() - started < 10
    assert max(r["in_flight"] for r in box.requests("provider=whop")) > 10


def test_it_exits_at_once_even_in_the_middle_of_an_answer():
    with Sandbox() as box:
        box.fault(match="/whop/", kind="delay", delay_ms=60000)
        threading.Thread(target=lambda: pytest.raises(Exception, box.get, "/whop/courses"), daemon=True).start()
        while not box.requests():
            pass
        started = time.monotonic()
        box.process.terminate()
        assert box.process.wait(5) == 0
        assert time.monotonic() - started < 2


def test_without_ffmpeg_recordings_are_wav(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Sandbox() as box:
        assert box.get("/_sandbox/health").json()["ffmpeg"] is False
        reply = box.get(f"{OBJECT}/videos/c/v/wool.mp4")
        assert reply.headers["content-type"] == "audio/wav" and reply.body[:4] == b"RIFF"
        answer = box.form(SPEECH, [("model", "whisper-1")], "a.wav", reply.body).json()
        assert answer["text"] == prose("wool")


# ---- classes ----

def test_a_class_is_played_for_one_video_or_for_all(box):
    def ask(video):
        body = {"context": {"client": {"clientName": "IOS", "clientVersion": "21.1"}}, "videoId": video}
        return box.post("/youtube/youtubei/v1/player", body).json()["playabilityStatus"]["status"]

    assert "youtube-player/private" in box.get("/_sandbox/classes").json()
    assert box.post("/_sandbox/classes", {"name": "youtube-player/private", "about": "bulk0000001"}).status == 201
    assert (ask("bulk0000001"), ask("bulk0000002")) == ("LOGIN_REQUIRED", "OK")
    box.post("/_sandbox/classes", {"name": "youtube-player/unavailable", "times": 1})
    assert (ask("bulk0000002"), ask("bulk0000002")) == ("ERROR", "OK")
    box.call("DELETE", "/_sandbox/faults")
    assert ask("bulk0000001") == "OK"


def test_a_class_about_a_mux_video_or_a_lesson_knows_their_other_names(box):
    box.post("/_sandbox/classes", {"name": "mux-api/asset-errored", "about": "NightSkyPublic00001aBcDeFgHiJkLmNoPq"})
    key = {"Authorization": "Basic YTpi"}
    playback = box.get("/mux/video/v1/playback-ids/WallNoCaptions0003aBcDeFgHiJkLmNoPqR", key).json()["data"]
    asset = box.get(f"/mux/video/v1/assets/{playback['object']['id']}", key).json()["data"]
    assert asset["status"] == "ready"
    fault = box.get("/_sandbox/faults").json()[0]
    assert len(fault["about"]) == 2 and fault["hits"] == 0
    box.post("/_sandbox/classes", {"name": "whop-stream/not-ready", "about": "lesn_BreadMux00001"})
    assert box.get("/mux-stream/WhopBread000000011aBcDeFgHiJkLmNoPqR.m3u8").status == 412


def test_a_class_that_is_none_is_refused(box):
    reply = box.post("/_sandbox/classes", {"name": "youtube-player/nonsense"})
    assert reply.status == 404 and "nonsense" in reply.text
    assert box.post("/_sandbox/classes", {"name": "whop-api/503", "about": 5}).status == 400
    assert box.post("/_sandbox/faults", {"match": "x", "about": "text"}).status == 400
