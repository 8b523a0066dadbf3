"""One row for every kind of answer of every service: what it means, and so what the engine does.

    ok             the result
    retry          the step is tried again, backing off
    rate_limited   the step is tried again after the delay; nobody else asks the service before that
    not_ready      the step is tried again after the delay
    next_source    another way is taken in the same attempt; without one the run fails
    split          smaller pieces are sent
    permanent      the run fails, with this message on the video
    stop_provider  the run fails, and nobody asks the service until somebody acts

The names are those of tests/sandbox/classes.py. A class that has no row here fails the test of completeness, and a row
without a class as well.
"""
import wave

import pytest

from sandbox.classes import CLASSES

NIGHTSKY, BREAD = "NightSkyPublic00001aBcDeFgHiJkLmNoPq", "lesn_BreadMux00001"
LOOM = "a0c1b2d3e4f5061728394a5b6c7d8e9f"
FILE = "sample-creator/drystone-video/drystone.mp4"
CALLS = {
    "youtube-player": ("youtube", "bulk0000001"), "youtube-captions": ("youtube", "bulk0000001"),
    "loom-graphql": ("loom", LOOM), "loom-captions": ("loom", LOOM),
    "mux-api": ("mux", "play1", "asset1"), "mux-renditions": ("mux-audio", "play1", "asset1"),
    "mux-stream": ("mux", NIGHTSKY), "whop-api": ("whop", BREAD), "whop-stream": ("whop-captions", BREAD),
    "storage": ("storage", "videos", FILE, "100000000"), "speech": ("whisper", "RECORDING"),
    "embeddings": ("embed", "a text to be embedded"),
}
CALL_OF = {"mux-api/live-stream": ("mux", "play1"), "mux-api/short-body": ("mux", NIGHTSKY),
           "mux-api/no-playback-id": ("mux", "", "asset1")}

# What an answer means when the service has no rule of its own.
USUAL = {
    "permanent": "400 404 405 410 413 415 422 501 505 500-should-not-retry redirect",
    "stop_provider": "401 403",
    "retry": "408 409 425 500 502 503 504 520 400-should-retry reset short-body empty garbage web-page",
    "rate_limited": "429 429-retry-after 429-retry-after-ms 503-retry-after",
}

ROWS = {
    "youtube-player": {
        **USUAL,
        "ok": "refused-first-client",
        "retry": "408 409 425 500 502 503 504 520 reset short-body empty garbage web-page",
        "rate_limited": USUAL["rate_limited"] + " not-a-bot captcha another-video try-later try-later-error resource-exhausted",
        "permanent": "405 410 413 415 422 501 505 500-should-not-retry redirect invalid-argument private "
                     "private-in-messages age-confirm age-inappropriate age-restricted age-legacy age-check "
                     "age-verification login-other content-check members join-channel payment premium purchase rent "
                     "region region-uploader not-in-this-app made-for-kids unplayable-other unplayable-screen unavailable "
                     "removed terminated never-existed copyright error-other new-status",
        "not_ready": "upcoming live",
        "next_source": "400 403 404 400-should-retry no-captions gate-xpe gate-xpv failed-precondition permission-denied",
        "stop_provider": "401",
    },
    "youtube-captions": {
        "ok": "srv1 srv3 vtt expired-once",
        "retry": "408 409 425 500 502 503 504 520 reset short-body",
        "rate_limited": USUAL["rate_limited"] + " redirect sorry unusual-traffic",
        "permanent": "501 505 500-should-not-retry",
        "next_source": "400 401 403 404 405 410 413 415 422 400-should-retry empty garbage web-page "
                       "json3-without-events xml-without-text",
    },
    "loom-graphql": {
        "ok": "400-once",
        "retry": USUAL["retry"] + " internal-error",
        "rate_limited": USUAL["rate_limited"] + " 403",
        "not_ready": "pending processing in-progress",
        "next_source": "400 no-transcript no-transcript-empty failed refused-other null validation-failed bad-user-input "
                       "cannot-query",
        "permanent": "401 404 405 410 413 415 422 501 505 500-should-not-retry redirect password permission private access "
                     "not-found deleted unauthenticated forbidden errors-beside-data other-host",
    },
    "loom-captions": {
        "ok": "vtt phrases expired-once",
        "retry": USUAL["retry"] + " 403 expired",
        "rate_limited": USUAL["rate_limited"],
        "permanent": USUAL["permanent"] + " 401",
        "next_source": "vtt-without-cues",
    },
    "mux-api": {
        "retry": USUAL["retry"] + " data-missing",
        "rate_limited": USUAL["rate_limited"] + " throttle throttle-as-error",
        "not_ready": "asset-preparing track-preparing track-of-the-future",
        "next_source": "track-errored track-skipped track-deleted no-text-track",
        "permanent": USUAL["permanent"] + " asset-errored no-audio-track signed drm no-playback-id live-stream invalid-parameters not-found",
        "stop_provider": USUAL["stop_provider"] + " unauthorized forbidden",
    },
    "mux-renditions": {
        "ok": "ready ready-film", "not_ready": "preparing", "permanent": "skipped errored none",
    },
    "mux-stream": {
        **USUAL,
        "permanent": "400 401 403 405 410 413 415 422 501 505 500-should-not-retry 400-should-retry redirect wrong-kind",
        "retry": "408 409 425 500 502 503 504 520 reset short-body empty garbage web-page",
        "not_ready": "not-ready",
        "next_source": "404 no-cues",
        "stop_provider": "",
    },
    "whop-api": {
        "ok": "youtube loom ready",
        "retry": USUAL["retry"].replace("409 ", "") + " internal",
        "rate_limited": USUAL["rate_limited"] + " rate-limited",
        "not_ready": "uploading created",
        "permanent": USUAL["permanent"] + " 403 409 forbidden not-found bad-request conflict unprocessable no-video embed-other",
        "stop_provider": "401 unauthorized",
    },
    "whop-stream": {"next_source": "no-subtitles", "not_ready": "not-ready"},
    "storage": {
        "ok": "empty garbage web-page",  # a file may hold anything; what is no film is found out later
        "retry": USUAL["retry"].replace(" empty garbage web-page", "") + " locked lock-timeout transaction database-timeout "
                 "database-read-only schema-mismatch s3-503 internal",
        "rate_limited": USUAL["rate_limited"] + " slow-down",
        "permanent": USUAL["permanent"] + " no-such-key old-server invalid-key",
        "stop_provider": USUAL["stop_provider"] + " no-such-bucket access-denied row-level-security invalid-jwt "
                         "invalid-signature s3-403",  # what lies under the service refuses it, and so everybody
    },
    "speech": {
        "retry": USUAL["retry"] + " 500-server-error 503-overloaded",
        "rate_limited": USUAL["rate_limited"] + " 429-requests 429-tokens 429-slow-down",
        "split": "413",
        "permanent": "400 405 410 415 422 505 500-should-not-retry redirect 400-invalid-format 400-not-decoded",
        "stop_provider": USUAL["stop_provider"] + " 404 501 429-insufficient_quota 429-credit_balance_exhausted "
                         "429-organization_spend_limit_exceeded 429-project_spend_limit_exceeded "
                         "429-organization_usage_limit_exceeded 429-quota-by-type 401-invalid-key 401-no-code 403-country "
                         "404-model 400-unsupported-value",
    },
    "embeddings": {
        "retry": USUAL["retry"] + " 500-server-error 503-overloaded",
        "rate_limited": USUAL["rate_limited"] + " 429-requests 429-tokens 429-slow-down",
        # one text alone cannot be split
        "permanent": "400 405 410 413 415 422 505 500-should-not-retry redirect 400-empty-input 400-input-too-long",
        "stop_provider": USUAL["stop_provider"] + " 404 501 429-insufficient_quota 429-credit_balance_exhausted "
                         "429-organization_spend_limit_exceeded 429-project_spend_limit_exceeded "
                         "429-organization_usage_limit_exceeded 429-quota-by-type 401-invalid-key 401-no-code 403-country "
                         "404-model",
    },
}
MEANING = [(f"{endpoint}/{name}", code)
           for endpoint, row in ROWS.items() for code, names in row.items() for name in names.split()]

# The least delay in ms where the service names one, or where its silence does.
DELAYS = {
    "youtube-player/429": 900_000, "youtube-player/not-a-bot": 900_000, "youtube-player/try-later": 3_600_000,
    "youtube-player/upcoming": 3_600_000, "youtube-player/live": 3_600_000, "youtube-captions/429": 900_000,
    "youtube-captions/unusual-traffic": 900_000, "loom-graphql/429-retry-after": 7000, "loom-graphql/pending": 30_000,
    "loom-captions/429-retry-after-ms": 1500, "mux-api/429-retry-after": 7000, "mux-api/503-retry-after": 7000,
    "mux-api/asset-preparing": 30_000, "mux-api/track-preparing": 30_000, "mux-renditions/preparing": 30_000,
    "mux-stream/not-ready": 30_000, "mux-stream/429-retry-after": 7000, "whop-api/rate-limited": 12_000,
    "whop-api/429-retry-after": 7000, "whop-api/uploading": 30_000, "storage/429-retry-after": 7000,
    "speech/429-requests": 7200, "speech/429-tokens": 360_000, "embeddings/429-requests": 7200,
}


def test_every_class_has_exactly_one_meaning(sandbox):
    names = [name for name, _ in MEANING]
    assert sorted(names) == sorted(set(names)), "a class has two rows"
    assert set(names) == set(CLASSES)
    assert set(sandbox.get("/_sandbox/classes")) == set(CLASSES)
    assert set(DELAYS) <= set(names)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "part000.wav"
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(16000)
        f.writeframes(bytes(32000))
    return str(path)


@pytest.mark.parametrize("name, code", MEANING, ids=[name for name, _ in MEANING])
def test_a_class_has_its_meaning(probe, sandbox, recording, name, code):
    sandbox.play(name)
    call = CALL_OF.get(name) or CALLS[name.partition("/")[0]]
    outcome = probe(*(recording if a == "RECORDING" else a for a in call))
    assert outcome.code == code, outcome
    assert outcome.delay >= DELAYS.get(name, 0)
    assert sandbox.get("/_sandbox/faults")[0]["hits"] > 0, "it was not played"
    if not outcome.ok:
        assert outcome.message.isprintable() and 10 <= len(outcome.message) < 512
        assert "bulk0000001" not in outcome.message
