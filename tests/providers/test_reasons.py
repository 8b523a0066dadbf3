"""Every sentence of the table is said by a client, when the service gives the answer that it is for."""

import pytest

from harness import reasons

NIGHTSKY, SIGNED = "NightSkyPublic00001aBcDeFgHiJkLmNoPq", "BeesSigned00000002aBcDeFgHiJkLmNoPqR"
YOUTUBE, LOOM = ("YouTube", "youtube", "bulk0000001"), ("Loom", "loom", "a0c1b2d3e4f5061728394a5b6c7d8e9f")
MUX, ASSET = ("Mux", "mux", NIGHTSKY), ("Mux", "mux", "play1", "asset1")
AUDIO, WHOP = ("Mux", "mux-audio", "play1", "asset1"), ("Whop", "whop", "lesn_BreadMux00001")
NO_KEY = {"MUX_TOKEN_ID": ""}
BAD_KEY = {"MUX_SIGNING_KEY": "InventedKey0001", "MUX_PRIVATE_KEY": "AAAA"}

# reason: (the class that is played, the call, settings)
SAID = {
    "BAD_LINK": (None, ("YouTube", "youtube", "https://vimeo.com/1"), {}),
    "NO_LINK": (None, ("Mux", "mux", "", ""), {}),
    "ID_REFUSED": ("youtube-player/invalid-argument", YOUTUBE, {}),
    "UNSUPPORTED_EMBED": ("whop-api/embed-other", WHOP, {}),
    "PRIVATE": ("youtube-player/private-in-messages", YOUTUBE, {}),
    "PASSWORD": ("loom-graphql/password", LOOM, {}),
    "GONE": ("loom-graphql/deleted", LOOM, {}),
    "AGE_RESTRICTED": ("youtube-player/age-check", YOUTUBE, {}),
    "MEMBERS_ONLY": ("youtube-player/members", YOUTUBE, {}),
    "PAID": ("youtube-player/rent", YOUTUBE, {}),
    "REGION": ("youtube-player/region", YOUTUBE, {}),
    "SIGN_IN": ("youtube-player/login-other", YOUTUBE, {}),
    "CONTENT_WARNING": ("youtube-player/content-check", YOUTUBE, {}),
    "NOT_IN_APPS": ("youtube-player/made-for-kids", YOUTUBE, {}),
    "NOT_PLAYABLE": ("youtube-player/unplayable-screen", YOUTUBE, {}),
    "NO_CAPTIONS": ("youtube-player/no-captions", YOUTUBE, {}),
    "EMPTY_CAPTIONS": ("loom-captions/vtt-without-cues", LOOM, {}),
    "NO_SOUND": ("mux-api/no-audio-track", ASSET, {}),
    "NO_RENDITION": ("mux-renditions/none", AUDIO, {}),
    "LIVE_STREAM": ("mux-api/live-stream", ("Mux", "mux", "play1"), {}),
    "UPCOMING": ("youtube-player/upcoming", YOUTUBE, {}),
    "STILL_LIVE": ("youtube-player/live", YOUTUBE, {}),
    "TRANSCRIPT_PENDING": ("loom-graphql/processing", LOOM, {}),
    "ASSET_PENDING": ("whop-api/uploading", WHOP, {}),
    "RENDITION_PENDING": ("mux-renditions/preparing", AUDIO, {}),
    "CAPTIONS_LOCKED": ("youtube-player/gate-xpe", YOUTUBE, {}),
    "TRANSCRIPTION_FAILED": ("loom-graphql/failed", LOOM, {}),
    "ASSET_FAILED": ("mux-api/asset-errored", ASSET, {}),
    "ADDRESS_SUSPECTED": ("youtube-player/not-a-bot", YOUTUBE, {}),
    "ADDRESS_LIMITED": ("loom-graphql/403", LOOM, {}),
    "TRY_LATER": ("youtube-player/try-later", YOUTUBE, {}),
    "LINK_EXPIRED": ("loom-captions/expired", LOOM, {}),
    "BUSY": ("mux-api/throttle", MUX, {}),
    "DOWN": ("whop-api/503", WHOP, {}),
    "UNREADABLE": ("loom-graphql/web-page", LOOM, {}),
    "REFUSED": ("loom-graphql/410", LOOM, {}),
    "CLIENTS_STALE": ("youtube-player/failed-precondition", YOUTUBE, {}),
    "INTERFACE_CHANGED": ("loom-graphql/cannot-query", LOOM, {}),
    "NO_KEY": (None, MUX, NO_KEY),
    "KEY_REFUSED": ("whop-api/unauthorized", WHOP, {}),
    "NO_PERMISSION": ("mux-api/forbidden", MUX, {}),
    "NO_SIGNING_KEY": (None, ("Mux", "mux", SIGNED), {}),
    "BAD_SIGNING_KEY": (None, ("Mux", "mux", SIGNED), BAD_KEY),
    "PLAYBACK_REFUSED": ("mux-stream/403", MUX, {}),
    "PROTECTED": ("mux-api/drm", ASSET, {}),
    "ASSET_NOT_FOUND": ("mux-api/not-found", ASSET, {}),
    "NO_PLAYBACK_ID": ("mux-api/no-playback-id", ("Mux", "mux", "", "asset1"), {}),
    "LESSON_NOT_FOUND": ("whop-api/not-found", WHOP, {}),
    "LESSON_FORBIDDEN": ("whop-api/forbidden", WHOP, {}),
    "LESSON_WITHOUT_VIDEO": ("whop-api/no-video", WHOP, {}),
    "OPERATOR": ("youtube-player/401", YOUTUBE, {}),
}


def test_every_reason_is_tested():
    assert set(SAID) == set(reasons.table())


@pytest.mark.parametrize("reason", SAID)
def test_a_reason_is_said_when_it_is_so(probe, sandbox, reason):
    played, (service, *call), settings = SAID[reason]
    if played:
        sandbox.play(played)
    outcome = probe(*call, **settings)
    assert reasons.says(reason, service, outcome.message), outcome
    assert outcome.code == reasons.table()[reason]["class"]
