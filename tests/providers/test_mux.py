"""Mux: from a playback id to captions, or to the reason why not."""

import base64
import json
import subprocess
import time
import urllib.parse

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
    ({"status": "preparing"}, "not_ready", "still being uploaded or prepared"),
    ({"status": "errored", "errors": {"messages": ["bad input"]}}, "permanent", "bad input"),
    ({"tracks": [AUDIO, track(status="preparing")]}, "not_ready", "still being made"),
    ({"tracks": [AUDIO, track(status="brand-new")]}, "not_ready", "still being made"),
    ({"tracks": [AUDIO, track(status="errored")]}, "next_source", "no captions"),
    ({"tracks": [AUDIO]}, "next_source", "no captions"),
    ({"tracks": [{"id": "v", "type": "video"}]}, "permanent", "neither sound nor captions"),
    ({}, "next_source", "no captions"),
    ({"tracks": 5, "playback_ids": "x"}, "next_source", "no captions"),
    ({"tracks": [track()], "playback_ids": [{"id": "s", "policy": "signed"}]}, "permanent", "MUX_SIGNING_KEY and MUX_PRIVATE_KEY"),
    ({"tracks": [track()], "playback_ids": [{"id": "s", "policy": "drm"}]}, "permanent", "copy-protected"),
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


# ---- signed playback ----

SIGNED = "BeesSigned00000002aBcDeFgHiJkLmNoPqR"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An RSA key as Mux makes one (PKCS#1), by the file."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)

    openssl("genrsa", "-traditional", "-out", str(folder / "rsa.pem"), "2048")
    openssl("rsa", "-in", str(folder / "rsa.pem"), "-pubout", "-out", str(folder / "public.pem"))
    openssl("genrsa", "-aes128", "-passout", "pass:invented", "-out", str(folder / "locked.pem"), "2048")
    openssl("genrsa", "-out", str(folder / "short.pem"), "1024")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(folder / "ec.pem"))
    return folder


def shown(path):
    """As Mux shows a private key."""
    return base64.b64encode(path.read_bytes()).decode()


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_signed_playback_is_read_with_a_token_of_ours(probe, keys):
    for key in (shown(keys / "rsa.pem"), (keys / "rsa.pem").read_text()):
        outcome = probe("mux", SIGNED, MUX_SIGNING_KEY="InventedKey0001", MUX_PRIVATE_KEY=key)
        assert outcome.ok, outcome
        assert len(outcome.result["captions"]) > 3


def test_a_key_may_stand_in_a_file(probe, keys, tmp_path):
    (tmp_path / "key").write_text(shown(keys / "rsa.pem") + "\n")
    assert probe("mux", SIGNED, MUX_SIGNING_KEY="InventedKey0001", MUX_PRIVATE_KEY_FILE=tmp_path / "key").ok


def test_the_token_says_who_may_play_what_until_when(probe, keys, answer_with, tmp_path):
    ready = {"name": "audio.m4a", "ext": "m4a", "status": "ready"}
    answer_with("/video/v1/assets/", asset(playback_ids=[{"id": "other", "policy": "drm"}, {"id": "s", "policy": "signed"}],
                                           static_renditions={"files": [ready]}))
    before = int(time.time())
    url = probe("mux-audio", "s", "asset1", MUX_SIGNING_KEY="InventedKey0001",
                MUX_PRIVATE_KEY=shown(keys / "rsa.pem")).result["url"]
    (token,) = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["token"]
    header, claims, signature = token.split(".")
    assert json.loads(part(header)) == {"alg": "RS256", "typ": "JWT", "kid": "InventedKey0001"}
    claims_json = json.loads(part(claims))
    assert (claims_json["sub"], claims_json["aud"]) == ("s", "v")
    assert before + 600 <= claims_json["exp"] <= int(time.time()) + 600
    (tmp_path / "text").write_text(f"{header}.{claims}")
    (tmp_path / "signature").write_bytes(part(signature))
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(keys / "public.pem"), "-signature",
                    str(tmp_path / "signature"), str(tmp_path / "text")], check=True, capture_output=True, timeout=60)


def test_a_public_id_is_preferred_and_needs_no_token(probe, keys, answer_with):
    ids = [{"id": "s", "policy": "signed"}, {"id": "open", "policy": "public"}]
    answer_with("/video/v1/assets/", asset(playback_ids=ids, static_renditions={"files": [
        {"name": "audio.m4a", "ext": "m4a", "status": "ready"}]}))
    url = probe("mux-audio", "s", "asset1", MUX_SIGNING_KEY="InventedKey0001", MUX_PRIVATE_KEY=shown(keys / "rsa.pem")).result["url"]
    assert url.endswith("/mux-stream/open/audio.m4a")


def test_a_refused_token_is_made_anew_once(probe, sandbox, keys):
    settings = {"MUX_SIGNING_KEY": "InventedKey0001", "MUX_PRIVATE_KEY": shown(keys / "rsa.pem")}
    sandbox.add_fault("/mux-stream/", status=403, times=1)
    assert probe("mux", SIGNED, **settings).ok
    sandbox.add_fault("/mux-stream/", status=403)
    outcome = probe("mux", SIGNED, **settings)
    assert outcome.code == "permanent"
    assert "the signing key belongs to another Mux account" in outcome.message


@pytest.mark.parametrize("name, says", [
    ("locked.pem", "it holds no private key"), ("short.pem", "no RSA key of 2048 bits"),
    ("ec.pem", "no RSA key of 2048 bits"), ("public.pem", "it holds no private key"),
    (None, "it is not in base64"),
])
def test_a_key_that_is_none_needs_a_person(probe, keys, name, says):
    key = shown(keys / name) if name else "?? not base64 ??"
    outcome = probe("mux", SIGNED, MUX_SIGNING_KEY="InventedKey0001", MUX_PRIVATE_KEY=key)
    assert outcome.code == "stop_provider"
    assert says in outcome.message and "MUX_PRIVATE_KEY" in outcome.message


# ---- choice ----

@pytest.mark.parametrize("given, language, chosen", [
    ([track(id="a"), track(id="b", text_source="uploaded")], "", "b"),
    ([track(id="a", text_source="generated_live"), track(id="b", text_source="generated_live_final")], "", "b"),
    ([track(id="a"), track(id="b", language_code="de")], "de", "b"),
    ([track(id="a", text_source="uploaded"), track(id="b", language_code="de")], "de", "b"),
    ([track(id="a", status="preparing"), track(id="b", language_code="fr")], "", "b"),
    ([track(id="a", type="subtitle"), track(id="b")], "", "b"),
])
def test_the_best_ready_track_is_taken(probe, answer_with, given, language, chosen):
    answer_with("/video/v1/assets/", asset(tracks=[AUDIO, *given]))
    answer_with("/mux-stream/", "WEBVTT\n\n00:01.000 --> 00:02.500\nWool.\n")
    outcome = probe("mux", "play1", "asset1", language)
    assert outcome.result["captions"] == [[1000, 2500, "Wool."]]
    assert [r["path"] for r in probe.asked(provider="mux-stream")] == [f"/mux-stream/play1/text/{chosen}.vtt"]


def test_an_asset_id_alone_is_enough(probe, answer_with):
    answer_with("/video/v1/assets/", asset(tracks=[AUDIO, track()]))
    answer_with("/mux-stream/", "WEBVTT\n\n00:01.000 --> 00:02.500\nWool.\n")
    assert probe("mux", "", "asset1").ok


def test_a_playback_id_of_a_live_stream_is_no_video(probe, answer_with):
    answer_with("/video/v1/playback-ids/", {"data": {"id": "x", "object": {"type": "live_stream", "id": "l"}}})
    outcome = probe("mux", "play1")
    assert (outcome.code, "live stream" in outcome.message) == ("permanent", True)


@pytest.mark.parametrize("odd", ["../../etc/passwd", "a?b=c", "x" * 10_240, "ünïcode", "javascript:alert(1)", "a b"])
def test_odd_ids_get_one_clear_error_and_leave_their_place_in_the_url(probe, odd):
    outcome = probe("mux", odd)
    assert outcome.code == "permanent"
    assert outcome.message.startswith("Mux: ")
    assert {r["path"].count("/") for r in probe.asked(provider="mux")} <= {5}
