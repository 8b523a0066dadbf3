"""loom.py: the web player's GraphQL, caption files, oEmbed and media.

    POST /loom/graphql                                       FetchVideoTranscript, GetVideoSSR
    GET  /loom/mediametadata/captions/{id}-1.vtt?Policy=…    signed, expiring
    GET  /loom/mediametadata/transcription/{id}-1.json?…     the same as JSON phrases
    GET  /loom/v1/oembed?url=…
    POST /loom/api/campaigns/sessions/{id}/transcoded-url    and raw-url
    GET  /loom/sessions/transcoded/{id}.mp4?…                signed, expiring

States (library/loom.json): ok, private, password, processing, failed, deleted. Option "captions": vtt, json, none.
Refusals are HTTP 200, as on the real service.
"""
import re
import urllib.parse

import captions
from wire import Response, as_int, bytes_response, is_signed, json_response, now, sign, text_response

REFUSALS = {
    "private": ("GenericError", "You do not have permission to view this video"),
    "password": ("InvalidRequestWarning", "Password missing or incorrect"),
    "deleted": ("GenericError", "Video not found"),
}
ACCESS_DENIED = ('<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code>'
                 "<Message>Access denied</Message></Error>")


class Loom:
    max_body = 1 << 20

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def handle(self, request):
        parts = request.segments
        if request.path == "/graphql" and request.method == "POST":
            return self.graphql(request)
        if request.path == "/v1/oembed" and request.method == "GET":
            return self.oembed(request)
        if parts[:3] == ["api", "campaigns", "sessions"] and len(parts) == 5 and request.method == "POST":
            return self.media_url(request, parts[3], parts[4])
        if parts[0] in ("mediametadata", "sessions") and request.method in ("GET", "HEAD"):
            return self.file(request)
        return self.error(404, "Not Found")

    def error(self, status, message=""):
        if status in (403, 429):  # the wall in front of the service speaks HTML
            return text_response("<html><body><h1>Just a moment...</h1></body></html>", status,
                                 "text/html; charset=utf-8")
        code = "INTERNAL_SERVER_ERROR" if status >= 500 else "BAD_REQUEST"
        return json_response({"errors": [{"message": message or f"HTTP {status}",
                                          "extensions": {"code": code}}]}, status)

    def find(self, key):
        return self.sandbox.library.find("loom", str(key).lower())

    # ---- GraphQL ----

    def graphql(self, request):
        body = request.json()
        if isinstance(body, list):
            return self.error(400, "Operation batching disabled.")
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return self.error(400, "GraphQL operations must contain a non-empty `query`.")
        variables = body.get("variables") if isinstance(body.get("variables"), dict) else {}
        key = variables.get("videoId") or variables.get("id")
        request.note.update(video=key, operation=body.get("operationName"))
        if "fetchVideoTranscript" in body["query"]:
            return self.answer_field(request, "fetchVideoTranscript", key, self.transcript)
        if "getVideo" in body["query"]:
            return self.answer_field(request, "getVideo", key, self.metadata)
        return json_response({"errors": [{"message": "Cannot query field on type \"Query\".",
                                          "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]})

    def answer_field(self, request, field, key, answer):
        if not isinstance(key, str):
            return json_response({"errors": [{
                "message": 'Variable "$videoId" of required type "ID!" was not provided.',
                "extensions": {"code": "BAD_USER_INPUT"}}]})
        return json_response({"data": {field: answer(request, self.find(key))}})

    def transcript(self, request, video):
        if video is None:
            return {"__typename": "GenericError", "message": "Video not found"}
        if video.state in REFUSALS:
            kind, message = REFUSALS[video.state]
            return {"__typename": kind, "message": message}
        kind = video.options.get("captions", "vtt") if video.state == "ok" else "none"
        status = {"processing": "processing", "failed": "failed"}.get(video.state, "success")
        return {
            "__typename": "VideoTranscriptDetails",
            "id": str(10_000_000 + int(video.id[:6], 16)),
            "video_id": video.id,
            "source_url": self.signed(request, f"/mediametadata/transcription/{video.id}-1.json")
            if kind != "none" else None,
            "captions_source_url": self.signed(request, f"/mediametadata/captions/{video.id}-1.vtt")
            if kind == "vtt" else None,
            "language": "en" if kind != "none" else None,
            "transcription_status": status,
        }

    def metadata(self, request, video):
        if video is None or video.state == "deleted":
            return None
        if video.state == "private":
            return {"__typename": "PrivateVideo", "id": video.id, "status": "private",
                    "message": "You do not have permission to view this video"}
        if video.state == "password":
            return {"__typename": "VideoPasswordMissingOrIncorrect", "id": video.id,
                    "message": "Password missing or incorrect"}
        seconds = video.duration_ms / 1000
        return {"__typename": "RegularUserVideo", "id": video.id, "name": video.title, "description": None,
                "createdAt": "2026-03-02T10:15:30.000Z", "owner": {"display_name": speaker(video)},
                "video_properties": {"duration": seconds}, "playable_duration": seconds, "source_duration": seconds,
                "privacy": "anyone", "visibility": "public", "needs_password": False, "is_protected": False,
                "download_enabled": True}

    # ---- oEmbed and media ----

    def oembed(self, request):
        url = request.query.get("url", "")
        found = re.findall(r"[0-9a-fA-F]{32}", urllib.parse.urlsplit(url).path)
        video = self.find(found[-1]) if found else None
        if video is None or video.state in REFUSALS:
            return json_response({"message": "Not Found"}, 404)
        return json_response({
            "type": "video", "version": "1.0", "provider_name": "Loom", "provider_url": "https://www.loom.com",
            "title": video.title, "duration": video.duration_ms / 1000, "height": 1080, "width": 1920,
            "thumbnail_url": f"https://cdn.loom.com/sessions/thumbnails/{video.id}-00001.gif",
            "html": f'<iframe src="https://www.loom.com/embed/{video.id}" frameborder="0"></iframe>'})

    def media_url(self, request, key, kind):
        video = self.find(key)
        if video is None or video.state in REFUSALS or kind not in ("transcoded-url", "raw-url"):
            return self.error(404, "Not Found")
        if not video.lesson:
            return Response(204)
        return json_response({"url": self.signed(request, f"/sessions/transcoded/{video.id}.mp4")})

    # ---- signed files ----

    def signed(self, request, path):
        expires = now() + min(self.sandbox.settings.url_ttl, 3600)
        return (f"{request.base}{path}?Policy={expires}&Signature={sign('loom', path, expires)}"
                "&Key-Pair-Id=KSANDBOX00000")

    def file(self, request):
        query = request.query
        expires = query.get("Policy", "")
        if not is_signed(query.get("Signature", ""), "loom", request.path, expires) or as_int(expires) < now():
            return text_response(ACCESS_DENIED, 403, "application/xml")
        match = re.fullmatch(r"/(\w+)/(\w+)/([0-9a-f]{32})(?:-1)?\.(vtt|json|mp4)", request.path)
        video = self.find(match[3]) if match else None
        if video is None:
            return text_response(ACCESS_DENIED, 403, "application/xml")
        request.note.update(video=video.id)
        if match[4] == "vtt":
            return text_response(captions.vtt_spoken(video.segments, speaker(video)), content_type="text/vtt")
        if match[4] == "json":
            return text_response(captions.phrases(video.segments), content_type="application/json")
        return bytes_response(request, *self.sandbox.media.file(video.lesson, "mp4"))


def speaker(video):
    return video.options.get("author", "Invented Person")
