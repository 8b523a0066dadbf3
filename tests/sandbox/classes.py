"""classes.py: every kind of answer that the real services are known to give, by name, to be played on demand.

A class is one or more fault rules. Its name is endpoint/what: "youtube-player/private", "mux-api/429-throttle". POST
/_sandbox/classes {"name"} plays it from then on (with "about", an id of a video, for that video only); DELETE
/_sandbox/faults ends it. Every endpoint has the common ones (statuses, broken connections, unusable bodies); what only
one service says stands in its own list.

The test beside the clients has one row per name, so a class that is added here must be given its meaning there.
"""
ENDPOINTS = {  # name: (method and part of the path)
    "youtube-player": "POST /youtube/youtubei/v1/player",
    "youtube-captions": "GET /youtube/api/timedtext",
    "loom-graphql": "POST /loom/graphql",
    "loom-captions": "GET /loom/mediametadata/",
    "mux-api": "GET /mux/video/v1/",
    "mux-renditions": "GET /mux/video/v1/",
    "mux-stream": "GET /mux-stream/",
    "whop-api": "GET /whop/course_lessons/",
    "whop-stream": "GET /mux-stream/",
    "storage": "GET /storage/v1/object/",
    "speech": "POST /openai/v1/audio/transcriptions",
    "embeddings": "POST /openai/v1/embeddings",
}

HTML = "<!DOCTYPE html><html><head><title>Oops</title></head><body>Something went wrong</body></html>"
STATUSES = (400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 429, 500, 501, 502, 503, 504, 505, 520)

COMMON = {
    **{str(status): {"status": status, "body": HTML} for status in STATUSES},
    "503-retry-after": {"status": 503, "headers": {"Retry-After": "7"}, "body": HTML},
    "429-retry-after": {"status": 429, "headers": {"Retry-After": "7"}, "body": HTML},
    "429-retry-after-ms": {"status": 429, "headers": {"retry-after-ms": "1500"}, "body": HTML},
    "500-should-not-retry": {"status": 500, "headers": {"x-should-retry": "false"}, "body": HTML},
    "400-should-retry": {"status": 400, "headers": {"x-should-retry": "true"}, "body": HTML},
    "redirect": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}, "body": HTML},
    "reset": {"kind": "reset"},
    "short-body": {"kind": "truncate"},
    "empty": {"kind": "empty"},
    "garbage": {"kind": "garbage"},
    "web-page": {"status": 200, "body": HTML},
}


def player(status=None, reason=None, **more):
    """A player answer that refuses; more goes into playabilityStatus."""
    told = {"status": status, "reason": reason, **more}
    return {"status": 200, "body": {"playabilityStatus": {k: v for k, v in told.items() if v is not None}}}


def playable(tracks=(), **details):
    lists = {"captions": {"playerCaptionsTracklistRenderer": {"captionTracks": list(tracks)}}} if tracks else {}
    return {"status": 200, "body": {"playabilityStatus": {"status": "OK"}, "videoDetails": details, **lists}}


def google(status, name, message="Invented message."):
    return {"status": status, "body": {"error": {"code": status, "message": message, "status": name, "errors": [
        {"message": message, "domain": "global", "reason": "invented"}]}}}


YOUTUBE_PLAYER = {
    "not-a-bot": player("LOGIN_REQUIRED", "Sign in to confirm you\u2019re not a bot"),
    "captcha": player("UNPLAYABLE", "", errorScreen={"playerCaptchaViewModel": {}}),
    "another-video": playable(videoId="SubstituteV"),
    "age-confirm": player("LOGIN_REQUIRED", "Sign in to confirm your age"),
    "age-inappropriate": player("LOGIN_REQUIRED", "This video may be inappropriate for some users."),
    "age-restricted": player("LOGIN_REQUIRED", "This video is age-restricted and only available on YouTube"),
    "age-legacy": player("LOGIN_REQUIRED", "Sign in", desktopLegacyAgeGateReason=1),
    "age-check": player("AGE_CHECK_REQUIRED"),
    "age-verification": player("AGE_VERIFICATION_REQUIRED"),
    "private": player("LOGIN_REQUIRED", "This video is private"),
    "private-in-messages": player("LOGIN_REQUIRED", "Please sign in", messages=["This is a private video."]),
    "login-other": player("LOGIN_REQUIRED", "Sign in for another reason"),
    "content-check": player("CONTENT_CHECK_REQUIRED", "The following content may contain graphic material"),
    "members": player("UNPLAYABLE", "This video is available to this channel's members"),
    "join-channel": player("UNPLAYABLE", "Join this channel to get access to members-only content"),
    "payment": player("UNPLAYABLE", "This video requires payment to watch"),
    "premium": player("UNPLAYABLE", "This video is only available to Music Premium members."),
    "purchase": player("UNPLAYABLE", "Purchase this film to watch it"),
    "rent": player("UNPLAYABLE", "Available to rent"),
    "region": player("UNPLAYABLE", "This video is not available in your country"),
    "region-uploader": player("UNPLAYABLE", "The uploader has not made this video available in your country"),
    "not-in-this-app": player("UNPLAYABLE", "The following content is not available on this app."),
    "made-for-kids": player("UNPLAYABLE", "This video is made for kids"),
    "try-later": player("UNPLAYABLE", "This content isn\u2019t available, try again later."),
    "try-later-error": player("ERROR", "This content isn't available, try again later."),
    "unplayable-other": player("UNPLAYABLE", "An invented reason"),
    "unplayable-screen": player("UNPLAYABLE", errorScreen={"playerErrorMessageRenderer": {
        "subreason": {"simpleText": "A reason on the screen"}}}),
    "unavailable": player("ERROR", "This video is unavailable"),
    "removed": player("ERROR", "This video has been removed by the uploader"),
    "terminated": player("ERROR", "The account associated with this video has been terminated."),
    "never-existed": player("ERROR", "This video does not exist"),
    "copyright": player("ERROR", "This video contains a copyright claim"),
    "error-other": player("ERROR", "An invented error"),
    "upcoming": player("LIVE_STREAM_OFFLINE", "Premieres in 2 hours"),
    "live": playable(isLive=True),
    "new-status": player("A_STATUS_OF_THE_FUTURE", "Invented"),
    "no-captions": playable(title="Without a word"),
    "gate-xpe": playable([{"baseUrl": "/api/timedtext?v=x&exp=xpe", "languageCode": "en"}]),
    "gate-xpv": playable([{"baseUrl": "/api/timedtext?v=x&lang=en&exp=xpv", "languageCode": "en", "kind": "asr"}]),
    "failed-precondition": google(400, "FAILED_PRECONDITION", "Precondition check failed."),
    "invalid-argument": google(400, "INVALID_ARGUMENT"),
    "permission-denied": google(403, "PERMISSION_DENIED", "API key not valid."),
    "resource-exhausted": google(429, "RESOURCE_EXHAUSTED"),
    "refused-first-client": {**player("UNPLAYABLE", "The following content is not available on this app."), "times": 1},
}

YOUTUBE_CAPTIONS = {
    "json3-without-events": {"status": 200, "body": {"wireMagic": "pb3"}},
    "xml-without-text": {"status": 200, "body": '<?xml version="1.0"?><transcript></transcript>'},
    "unusual-traffic": {"status": 200, "body": "<html>Our systems have detected unusual traffic from your network</html>"},
    "sorry": {"status": 302, "headers": {"Location": "https://www.google.com/sorry/index"}, "body": HTML},
    "expired-once": {"status": 403, "body": HTML, "times": 1},
    "srv1": {"status": 200, "body": '<transcript><text start="1" dur="1.5">Wool dye.</text></transcript>'},
    "srv3": {"status": 200, "body": '<timedtext format="3"><body><p t="1000" d="1500">Wool dye.</p></body></timedtext>'},
    "vtt": {"status": 200, "body": "WEBVTT\n\n00:01.000 --> 00:02.500\nWool dye.\n"},
}


def transcript(**members):
    details = {"__typename": "VideoTranscriptDetails", "source_url": None, "captions_source_url": None, **members}
    return {"status": 200, "body": {"data": {"fetchVideoTranscript": details}}}


def refusal(message, kind="GenericError"):
    return {"status": 200, "body": {"data": {"fetchVideoTranscript": {"__typename": kind, "message": message}}}}


def graphql(message, code=None, data=None):
    error = {"message": message, **({"extensions": {"code": code}} if code else {})}
    return {"status": 200, "body": {"errors": [error], "data": data}}


LOOM_GRAPHQL = {
    "no-transcript": transcript(transcription_status="success"),
    "no-transcript-empty": transcript(captions_source_url="", source_url=""),
    "pending": transcript(transcription_status="pending"),
    "processing": transcript(transcription_status="processing"),
    "in-progress": transcript(transcription_status="in_progress"),
    "failed": transcript(transcription_status="transcription_failed"),
    "password": refusal("Password missing or incorrect", "InvalidRequestWarning"),
    "permission": refusal("You do not have permission to view this video"),
    "private": refusal("This video is private"),
    "access": refusal("Access denied"),
    "not-found": refusal("Video not found"),
    "deleted": refusal("This video was deleted"),
    "refused-other": refusal("An invented warning", "InvalidRequestWarning"),
    "null": {"status": 200, "body": {"data": {"fetchVideoTranscript": None}}},
    "internal-error": graphql("Something broke", "INTERNAL_SERVER_ERROR"),
    "validation-failed": graphql("Unknown argument", "GRAPHQL_VALIDATION_FAILED"),
    "bad-user-input": graphql("Variable of the wrong type", "BAD_USER_INPUT"),
    "cannot-query": graphql('Cannot query field "fetchVideoTranscript" on type "Query".'),
    "unauthenticated": graphql("Not signed in", "UNAUTHENTICATED"),
    "forbidden": graphql("Not allowed", "FORBIDDEN"),
    "errors-beside-data": {"status": 200, "body": {"errors": [{"message": "A field failed"}], "data": {
        "fetchVideoTranscript": {"__typename": "GenericError", "message": "Video not found"}}}},
    "400-once": {"status": 400, "body": HTML, "times": 1},
    "other-host": transcript(captions_source_url="https://elsewhere.example/x.vtt"),
}

LOOM_CAPTIONS = {
    "expired": {"status": 403, "body": "<Error><Code>AccessDenied</Code></Error>"},
    "expired-once": {"status": 403, "body": "<Error><Code>AccessDenied</Code></Error>", "times": 1},
    "vtt": {"status": 200, "body": "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ida>Wool dye.\n"},
    "vtt-without-cues": {"status": 200, "body": "WEBVTT\n"},
    "phrases": {"status": 200, "body": {"phrases": [{"ts": 1.0, "value": " Wool dye. ", "speaker": 0}]}},
}

AUDIO = {"id": "audio1", "type": "audio", "primary": True}
TEXT = {"id": "text1", "type": "text", "text_type": "subtitles", "text_source": "generated_vod", "language_code": "en",
        "status": "ready"}
READY = {"id": "asset1", "status": "ready", "duration": 12.5, "playback_ids": [{"id": "play1", "policy": "public"}]}


def asset(**members):
    return {"status": 200, "body": {"data": {**READY, **members}}}


def text_track(status):
    return asset(tracks=[AUDIO, {**TEXT, "status": status}])


def mux_error(status, kind, *messages):
    return {"status": status, "body": {"error": {"type": kind, "messages": list(messages)}}}


MUX_API = {
    "asset-preparing": asset(status="preparing"),
    "asset-errored": asset(status="errored", errors={"type": "invalid_input", "messages": ["Bad input.", "No moov."]}),
    "track-preparing": text_track("preparing"),
    "track-errored": text_track("errored"),
    "track-skipped": text_track("skipped"),
    "track-deleted": text_track("deleted"),
    "track-of-the-future": text_track("brand-new"),
    "no-text-track": asset(tracks=[AUDIO]),
    "no-audio-track": asset(tracks=[{"id": "video1", "type": "video"}]),
    "signed": asset(tracks=[AUDIO, TEXT], playback_ids=[{"id": "play1", "policy": "signed"}]),
    "drm": asset(tracks=[AUDIO, TEXT], playback_ids=[{"id": "play1", "policy": "drm"}]),
    "no-playback-id": asset(tracks=[AUDIO, TEXT], playback_ids=[]),
    "live-stream": {"status": 200, "body": {"data": {"id": "play1", "object": {"type": "live_stream", "id": "l"}}}},
    "data-missing": {"status": 200, "body": {"note": "no data"}},
    "invalid-parameters": mux_error(400, "invalid_parameters", "Failed to parse ID"),
    "unauthorized": mux_error(401, "unauthorized", "Unauthorized request"),
    "forbidden": mux_error(403, "forbidden", "Request forbidden"),
    "not-found": mux_error(404, "not_found", "The requested asset either doesn't exist or you don't have access to it."),
    "throttle": {"status": 429, "body": {"errors": ["Too many requests, retry later."]}},
    "throttle-as-error": mux_error(429, "too_many_requests", "Too many requests"),
}


def rendition(*files, **more):
    return asset(tracks=[AUDIO], static_renditions={"files": list(files), **more})


SOUND = {"id": "r1", "name": "audio.m4a", "ext": "m4a", "status": "ready", "filesize": "1000"}
MUX_RENDITIONS = {
    "ready": rendition(SOUND),
    "ready-film": rendition({"id": "r2", "name": "low.mp4", "ext": "mp4", "filesize": "9"}, status="ready"),
    "preparing": rendition({**SOUND, "status": "preparing"}),
    "skipped": rendition({**SOUND, "status": "skipped"}),
    "errored": rendition({**SOUND, "status": "errored"}),
    "none": asset(tracks=[AUDIO]),
}
MUX_STREAM = {
    "wrong-kind": {"status": 400, "body": {"code": 3, "message": "Invalid parameter"}},
    "not-ready": {"status": 412, "body": mux_error(412, "error", "The asset is not ready")["body"]},
    "no-cues": {"status": 200, "body": "WEBVTT\n"},
}


def lesson(**members):
    return {"status": 200, "body": {"id": "lesn_Invented", "title": "Invented", "embed_type": None, "embed_id": None,
                                    "video_asset": None, **members}}


def whop_error(status, kind, message="Invented message."):
    return {"status": status, "body": {"error": {"type": kind, "message": message}}}


WHOP_API = {
    "youtube": lesson(embed_type="youtube", embed_id="WoolDyeing1"),
    "loom": lesson(embed_type="loom", embed_id="a0c1b2d3e4f5061728394a5b6c7d8e9f"),
    "embed-other": lesson(embed_type="vimeo", embed_id="1"),
    "no-video": lesson(lesson_type="text", content="A handout"),
    "uploading": lesson(video_asset={"status": "uploading"}),
    "created": lesson(video_asset={"status": "created"}),
    "ready": lesson(video_asset={"status": "ready", "playback_id": "play1"}),
    "bad-request": whop_error(400, "bad_request"),
    "unauthorized": whop_error(401, "unauthorized"),
    "forbidden": whop_error(403, "forbidden"),
    "not-found": whop_error(404, "not_found"),
    "conflict": whop_error(409, "conflict"),
    "unprocessable": whop_error(422, "unprocessable"),
    "rate-limited": whop_error(429, "rate_limit_exceeded", "Too many requests. Try again in 12 seconds."),
    "internal": whop_error(500, "internal_server_error"),
}
WHOP_STREAM = {
    "no-subtitles": {"status": 200, "body": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n"},
    "not-ready": {"status": 412, "body": HTML},
}


def storage_error(code, true_status, message, http=400, error=None):
    return {"status": http, "body": {"statusCode": str(true_status), "error": error or code, "message": message,
                                     "code": code}}


STORAGE = {
    "no-such-key": storage_error("NoSuchKey", 404, "Object not found", error="not_found"),
    "no-such-bucket": storage_error("NoSuchBucket", 404, "Bucket not found", error="Bucket not found"),
    "access-denied": storage_error("AccessDenied", 403, "jwt expired", error="Unauthorized"),
    "row-level-security": storage_error("AccessDenied", 403, "new row violates row-level security policy"),
    "invalid-jwt": storage_error("InvalidJWT", 400, "Invalid Compact JWS"),
    "invalid-signature": storage_error("InvalidSignature", 400, "signature verification failed"),
    "invalid-key": storage_error("InvalidKey", 400, "Invalid key"),
    "locked": storage_error("ResourceLocked", 423, "The resource is locked"),
    "lock-timeout": storage_error("LockTimeout", 503, "timeout", error="acquiring_lock_timeout"),
    "transaction": storage_error("TransactionError", 409, "Transaction failed"),
    "slow-down": storage_error("SlowDown", 429, "Too many connections", error="too_many_connections"),
    "database-timeout": storage_error("DatabaseTimeout", 544, "The database timed out", http=544),
    "database-read-only": storage_error("DatabaseReadOnly", 503, "read only"),
    "schema-mismatch": storage_error("DatabaseSchemaMismatch", 503, "schema"),
    "s3-503": storage_error("S3Error", 503, "slow down"),
    "s3-403": storage_error("S3Error", 403, "denied"),
    "internal": storage_error("InternalError", 500, "internal", http=500),
    "old-server": {"status": 400, "body": {"statusCode": "404", "error": "not_found", "message": "Object not found"}},
}


def openai_error(status, message="Invented message.", code=None, kind="invalid_request_error", **more):
    return {"status": status, "body": {"error": {"message": message, "type": kind, "param": None, "code": code}}, **more}


QUOTA_CODES = ("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
               "project_spend_limit_exceeded", "organization_usage_limit_exceeded")
OPENAI = {
    **{f"429-{code}": openai_error(429, "No money left.", code) for code in QUOTA_CODES},
    "429-quota-by-type": openai_error(429, "No money left.", None, "insufficient_quota", headers={"Retry-After": "5"}),
    "429-requests": openai_error(429, "Rate limit reached. Please try again in 7.2s.", "rate_limit_exceeded", "requests"),
    "429-tokens": openai_error(429, "Rate limit reached. Please try again in 6m0s.", "rate_limit_exceeded", "tokens"),
    "429-slow-down": openai_error(429, "Slow down.", "slow_down", "rate_limit_error"),
    "401-invalid-key": openai_error(401, "Incorrect API key provided.", "invalid_api_key"),
    "401-no-code": openai_error(401, "IP not authorized"),
    "403-country": openai_error(403, "Country not supported", "unsupported_country_region_territory", "request_forbidden"),
    "404-model": openai_error(404, "The model does not exist", "model_not_found"),
    "500-server-error": openai_error(500, "The server had an error", None, "server_error"),
    "503-overloaded": openai_error(503, "Overloaded", "server_is_overloaded", "service_unavailable_error"),
}
SPEECH = {
    **OPENAI,
    "400-invalid-format": openai_error(400, "Invalid file format. Supported formats: ['flac']"),
    "400-not-decoded": openai_error(400, "Audio file might be corrupted: could not be decoded"),
    "400-unsupported-value": openai_error(400, "response_format is not compatible with the model", "unsupported_value"),
}
EMBEDDINGS = {
    **OPENAI,
    "400-empty-input": openai_error(400, "'$.input' is invalid. Please check the API reference"),
    "400-input-too-long": openai_error(400, "This model's maximum context length is 8192 tokens, however you requested 9000"),
}

OWN = {
    "youtube-player": YOUTUBE_PLAYER, "youtube-captions": YOUTUBE_CAPTIONS, "loom-graphql": LOOM_GRAPHQL,
    "loom-captions": LOOM_CAPTIONS, "mux-api": MUX_API, "mux-renditions": MUX_RENDITIONS, "mux-stream": MUX_STREAM,
    "whop-api": WHOP_API, "whop-stream": WHOP_STREAM, "storage": STORAGE, "speech": SPEECH, "embeddings": EMBEDDINGS,
}
SHARED = ("mux-renditions", "whop-stream")  # their common answers are those of mux-api and mux-stream


def rule(endpoint, answer):
    return {"match": ENDPOINTS[endpoint], **answer}


CLASSES = {
    **{f"{endpoint}/{name}": rule(endpoint, answer)
       for endpoint in ENDPOINTS if endpoint not in SHARED for name, answer in COMMON.items()},
    **{f"{endpoint}/{name}": rule(endpoint, answer) for endpoint, own in OWN.items() for name, answer in own.items()},
}
