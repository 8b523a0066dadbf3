"""mux.py: the video API and the stream host. They are two hosts in reality and two prefixes here, over one state.

    GET  /mux/video/v1/playback-ids/{id}                              from a playback id to its asset
    GET  /mux/video/v1/assets[/{id}]
    POST /mux/video/v1/assets/{id}/tracks/{track}/generate-subtitles
    POST /mux/video/v1/assets/{id}/static-renditions
    GET  /mux-stream/{playback id}/text/{track}.vtt|.txt              signed ids want ?token=
    GET  /mux-stream/{playback id}/audio.m4a, /highest.mp4, /720p.mp4 …
    GET  /mux-stream/{playback id}.m3u8

States (library/mux.json): ok, preparing, errored. Options: "policy" public, signed or drm; "captions" generated_vod,
uploaded, preparing, errored or none; "audio" false for a film without sound; "audio_rendition" true; "account" whop:
the asset is in another account, so the API does not know it while the stream host plays it. What is ordered through
the API (subtitles, a rendition) is preparing first and ready after the asset has been read twice.

Tokens are judged by their claims; whose key signed them is not checked.
"""
import base64
import hashlib
import json
import threading

import captions
from wire import as_int, bytes_response, json_response, now, sign, text_response

MESSAGES = {
    400: ("invalid_parameters", "Invalid request"),
    401: ("unauthorized", "Unauthorized request"),
    403: ("forbidden", "Request forbidden: the access token does not have the required permissions"),
    404: ("not_found", "The requested resource either doesn't exist or you don't have access to it."),
    500: ("internal_error", "Internal server error"),
}
LANGUAGES = "en es it pt de fr pl ru nl ca tr sv uk no fi sk el cs hr da ro bg auto".split()
READS_UNTIL_READY = 2
MP4_NAMES = ("highest.mp4", "1080p.mp4", "720p.mp4", "540p.mp4", "capped-1080p.mp4", "low.mp4", "medium.mp4",
             "high.mp4")


class MuxState:
    """What both hosts know: assets, and what was ordered for them."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.lock = threading.Lock()
        self.orders = {}  # (asset id, "subtitles"|"audio") -> reads left until it is ready

    def videos(self):
        return self.sandbox.library.of("mux")

    def by_playback(self, key):
        return self.sandbox.library.find("mux", key)

    def by_asset(self, key):
        """Only assets of our own account."""
        return next((v for v in self.videos() if asset_id(v) == key and not is_foreign(v)), None)

    def order(self, video, what):
        """False when it was ordered before."""
        with self.lock:
            if (asset_id(video), what) in self.orders:
                return False
            self.orders[asset_id(video), what] = READS_UNTIL_READY
            return True

    def count_read(self, video):
        with self.lock:
            for what in ("subtitles", "audio"):
                left = self.orders.get((asset_id(video), what), 0)
                if left:
                    self.orders[asset_id(video), what] = left - 1

    def ordered(self, video, what):
        """ready, preparing, or "" when it was never ordered."""
        with self.lock:
            left = self.orders.get((asset_id(video), what))
        return "" if left is None else "preparing" if left else "ready"

    def text_status(self, video):
        """(status, source) of the text track; ("", "") when there is none."""
        kind = video.options.get("captions", "generated_vod")
        if kind in ("generated_vod", "uploaded", "embedded"):
            return "ready", kind
        if kind in ("preparing", "errored"):
            return kind, "generated_vod"
        status = self.ordered(video, "subtitles")
        return (status, "generated_vod") if status else ("", "")

    def audio_status(self, video):
        return "ready" if video.options.get("audio_rendition") else self.ordered(video, "audio")


def asset_id(video):
    return video.options.get("asset_id") or made_id("asset", video, 44)


def track_id(video, kind):
    return made_id(kind, video, 44)


def made_id(kind, video, length):
    digest = hashlib.sha256(f"{kind}/{video.id}".encode()).digest()
    return base64.b64encode(digest * 2, b"00").decode().replace("=", "")[:length]


def is_foreign(video):
    return video.options.get("account") == "whop"


def policy(video):
    return video.options.get("policy", "public")


def has_audio(video):
    return video.options.get("audio", True)


class MuxApi:
    max_body = 1 << 20

    def __init__(self, state):
        self.state = state

    def handle(self, request):
        if not self.state.sandbox.is_key(basic_password(request)):
            return self.error(401)
        parts = request.segments
        if parts[:2] != ["video", "v1"]:
            return self.error(404)
        what, rest = (parts + [""])[2], parts[3:]
        if request.method == "GET" and what == "playback-ids" and len(rest) == 1:
            return self.playback(rest[0])
        if request.method == "GET" and what == "assets" and len(rest) <= 1:
            return self.asset(rest[0]) if rest else self.list(request)
        if request.method == "POST" and what == "assets" and rest[1:] == ["static-renditions"]:
            return self.order_rendition(request, rest[0])
        if request.method == "POST" and what == "assets" and rest[1:2] == ["tracks"] \
                and rest[3:] == ["generate-subtitles"]:
            return self.order_subtitles(request, rest[0], rest[2])
        return self.error(404)

    def error(self, status, message=""):
        if status == 429:
            return json_response({"errors": ["Too many requests, retry later."]}, 429)
        kind, usual = MESSAGES.get(status, ("internal_error", f"HTTP {status}"))
        return json_response({"error": {"type": kind, "messages": [message or usual]}}, status)

    def unknown_asset(self):
        return self.error(404, "The requested asset either doesn't exist or you don't have access to it.")

    def playback(self, key):
        video = self.state.by_playback(key)
        if video is None or is_foreign(video):
            return self.error(404)
        return json_response({"data": {"id": key, "policy": policy(video),
                                       "object": {"type": "asset", "id": asset_id(video)}}})

    def asset(self, key):
        if not key.isalnum():
            return self.error(400, "Failed to parse ID")
        video = self.state.by_asset(key)
        if video is None:
            return self.unknown_asset()
        answer = json_response({"data": self.describe(video)})
        self.state.count_read(video)
        return answer

    def list(self, request):
        query = request.query
        own = [v for v in self.state.videos() if not is_foreign(v)]
        limit, page = as_int(query.get("limit"), 25), as_int(query.get("page"), 1)
        if not 1 <= limit <= 100 or page < 1:
            return self.error(400, "Invalid limit or page")
        first = as_int(query["cursor"]) if query.get("cursor") else (page - 1) * limit
        rows = own[max(0, first):first + limit]
        following = str(first + limit) if first + limit < len(own) else None
        return json_response({"data": [self.describe(v) for v in rows], "next_cursor": following})

    def describe(self, video):
        value = {
            "id": asset_id(video),
            "status": {"ok": "ready"}.get(video.state, video.state),
            "playback_ids": [{"id": video.id, "policy": policy(video)}],
            "created_at": "1772446530",
            "mp4_support": "none",
            "master_access": "none",
            "encoding_tier": "smart",
            "video_quality": "plus",
            "meta": {"title": video.title},
            "is_live": False,
        }
        if video.state == "errored":
            value["errors"] = {"type": "invalid_input", "messages": ["The input file could not be processed."]}
        if video.state != "ok":
            return value
        value.update(duration=video.duration_ms / 1000, aspect_ratio="16:9", resolution_tier="1080p",
                     max_stored_frame_rate=30, tracks=self.tracks(video))
        rendition = self.rendition(video)
        if rendition:
            value["static_renditions"] = {"status": rendition["status"], "files": [rendition]}
        return value

    def tracks(self, video):
        seconds = video.duration_ms / 1000
        tracks = [{"id": track_id(video, "video"), "type": "video", "duration": seconds, "max_width": 1920,
                   "max_height": 1080, "max_frame_rate": 30}]
        if has_audio(video):
            tracks.append({"id": track_id(video, "audio"), "type": "audio", "duration": seconds, "primary": True,
                           "max_channels": 2, "max_channel_layout": "stereo"})
        status, source = self.state.text_status(video)
        if status:
            tracks.append({"id": track_id(video, "text"), "type": "text", "text_type": "subtitles",
                           "text_source": source, "status": status, "language_code": "en", "closed_captions": False,
                           "name": "English (generated)" if source.startswith("generated") else "English"})
        return tracks

    def rendition(self, video):
        status = self.state.audio_status(video)
        if not status:
            return None
        if not has_audio(video):
            status = "skipped"
        file = {"id": track_id(video, "rendition"), "name": "audio.m4a", "ext": "m4a", "status": status,
                "type": "standard", "resolution": "audio-only", "resolution_tier": "audio-only"}
        if status == "ready":
            file.update(filesize=str(round(video.duration_ms * 4)), bitrate=32000)
        return file

    def order_subtitles(self, request, key, track):
        video = self.state.by_asset(key)
        if video is None:
            return self.unknown_asset()
        wanted = request.json_object().get("generated_subtitles")
        if not isinstance(wanted, list) or len(wanted) != 1 or not isinstance(wanted[0], dict):
            return self.error(400, "generated_subtitles must be a list with one entry")
        language = wanted[0].get("language_code", "en")
        if language not in LANGUAGES:
            return self.error(400, f"Unsupported language code: {language}")
        if video.state != "ok":
            return self.error(400, "Asset must be in a ready state to generate subtitles")
        if not has_audio(video) or track != track_id(video, "audio"):
            return self.error(404, "The requested track doesn't exist or isn't an audio track.")
        if self.state.text_status(video)[0] or not self.state.order(video, "subtitles"):
            return self.error(400, "Subtitles for this track and language already exist or are being generated")
        return json_response({"data": self.tracks(video)[-1:]}, 201)

    def order_rendition(self, request, key):
        video = self.state.by_asset(key)
        if video is None:
            return self.unknown_asset()
        if request.json_object().get("resolution") != "audio-only":
            return self.error(400, "Unsupported resolution")
        if self.state.audio_status(video) or not self.state.order(video, "audio"):
            return self.error(400, "A static rendition with this resolution already exists")
        return json_response({"data": self.rendition(video)}, 201)


class MuxStream:
    max_body = 1 << 16

    def __init__(self, state):
        self.state = state

    def handle(self, request):
        if request.method not in ("GET", "HEAD"):
            return self.error(404)
        first, *rest = request.segments
        key = first.removesuffix(".m3u8")
        video = self.state.by_playback(key)
        if video is None:
            return self.error(404)
        refusal = self.refusal(request, video)
        if refusal:
            return refusal
        request.note.update(video=key)
        if first.endswith(".m3u8") and not rest:
            return self.playlist(request, video)
        if len(rest) == 2 and rest[0] == "text":
            return self.text(video, *rest[1].rpartition(".")[::2])
        if len(rest) == 1:
            return self.rendition(request, video, rest[0])
        return self.error(404)

    def error(self, status, message=""):
        if status == 400:
            return json_response({"code": 3, "message": message or "Invalid parameter"}, 400)
        if status == 429:
            return json_response({"errors": ["Too many requests, retry later."]}, 429)
        kind, usual = MESSAGES.get(status, ("error", f"HTTP {status}"))
        return json_response({"error": {"type": kind, "messages": [message or usual]}}, status)

    def refusal(self, request, video):
        """The answer for who may not see this, or for what cannot be seen yet; None when all is well."""
        if policy(video) == "drm":
            return self.error(403, "A DRM license is required")
        token = request.query.get("token")
        if policy(video) == "signed":
            claims = read_token(token)
            if claims is None or claims.get("aud") != "v" or as_int(claims.get("exp")) < now():
                return self.error(403, "Missing, expired or unsuitable playback token")
            if claims.get("sub") != video.id:
                return self.error(403, "The token is for another playback ID")
        elif token:
            return self.error(400)
        if video.state != "ok":
            return self.error(412, "The asset is not ready")
        return None

    def text(self, video, name, extension):
        status, source = self.state.text_status(video)
        if name != track_id(video, "text") or status != "ready":
            return self.error(404)
        if extension == "vtt":
            return text_response(captions.vtt_numbered(video.segments), content_type="text/vtt")
        if extension == "txt" and source == "generated_vod":
            return text_response(video.text)
        return self.error(404)

    def rendition(self, request, video, name):
        if name == "audio.m4a" and has_audio(video) and self.state.audio_status(video) == "ready":
            return bytes_response(request, *self.state.sandbox.media.file(recording_of(video), "m4a"))
        if name in MP4_NAMES and name in video.options.get("renditions", []):
            return bytes_response(request, *self.state.sandbox.media.file(recording_of(video), "mp4"))
        return self.error(404)

    def playlist(self, request, video):
        token = request.query.get("token")
        query = f"?token={token}" if token else ""
        lines = ["#EXTM3U", "#EXT-X-VERSION:5", "#EXT-X-INDEPENDENT-SEGMENTS"]
        group = ""
        if self.state.text_status(video)[0] == "ready":
            group = ',SUBTITLES="sub1"'
            uri = f"{request.base}/{video.id}/text/{track_id(video, 'text')}.vtt{query}"
            lines.append('#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub1",NAME="English",DEFAULT=NO,AUTOSELECT=YES,'
                         f'FORCED=NO,LANGUAGE="en",URI="{uri}"')
        lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH=2516370,RESOLUTION=1280x720,CODECS="mp4a.40.2,avc1.640020"{group}')
        lines.append(f"{request.base}/{video.id}/720p.m3u8{query}")
        return text_response("\n".join(lines) + "\n", content_type="application/x-mpegURL")


def recording_of(video):
    return video.lesson or "silence"


def basic_password(request):
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password if scheme.lower() == "basic" and user and colon else ""


def read_token(token):
    """The claims of a JWT of the form Mux takes, or None."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in parts[:2])
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return claims if header.get("alg") == "RS256" and header.get("kid") and parts[2] else None


def playback_token(playback_id, seconds=600):
    """A token as a signing key's owner would make it."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "SandboxSigningKey0001"}
    claims = {"sub": playback_id, "aud": "v", "exp": now() + seconds, "kid": header["kid"]}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join(parts + [sign("mux", *parts)])
