"""youtube.py: the InnerTube player call, the watch page and the caption files.

    POST /youtube/youtubei/v1/player     what may be played, and the caption tracks
    GET  /youtube/api/timedtext?…        a caption file; the URL is signed and expires
    GET  /youtube/watch?v=ID             the page

States of a video (library/youtube.json): ok, private, age_restricted, members_only, paid, region, removed, kids,
upcoming, live, not_a_bot, try_later. Option "captions": manual, auto, both, none. Ids that begin with bulk, slow or
gone need no entry.
"""
import json
import re
import time

import captions
from wire import BadRequest, as_int, html_response, is_signed, json_response, now, sign, text_response

CLIENTS = {"ANDROID": 21, "IOS": 21, "VISIONOS": 1, "ANDROID_VR": 1, "MWEB": 2, "WEB": 2, "TVHTML5": 7,
           "WEB_EMBEDDED_PLAYER": 1}  # oldest major version that is still served
GATED_CLIENTS = ("WEB", "MWEB")  # their caption URLs want a proof-of-origin token
SIGNED = ("expire", "v", "ei", "caps", "exp")  # parameters under the signature; fmt, lang, kind and name are not

AGE_REASON = "Sign in to confirm your age"
BOT_REASON = "Sign in to confirm you’re not a bot"

# state: (status, reason, more of playabilityStatus)
REFUSALS = {
    "private": ("LOGIN_REQUIRED", "Please sign in", {
        "messages": ["This is a private video. Please sign in to verify that you may see it."]}),
    "age_restricted": ("LOGIN_REQUIRED", AGE_REASON, {"desktopLegacyAgeGateReason": 1}),
    "members_only": ("UNPLAYABLE", "Join this channel to get access to members-only content like this video, "
                                   "and other exclusive perks.", {}),
    "paid": ("UNPLAYABLE", "This video requires payment to watch", {}),
    "region": ("UNPLAYABLE", "The uploader has not made this video available in your country", {}),
    "removed": ("ERROR", "This video has been removed by the uploader", {}),
    "not_a_bot": ("LOGIN_REQUIRED", BOT_REASON, {}),
    "try_later": ("UNPLAYABLE", "This content isn't available, try again later.", {}),
    "kids": ("UNPLAYABLE", "This video is made for kids and is not available on this app", {}),
    "unknown": ("ERROR", "This video is unavailable", {}),
}
HTTP_STATUS_NAMES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT",
                     429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


class YouTube:
    max_body = 1 << 20

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def handle(self, request):
        if request.path == "/youtubei/v1/player":
            return self.player(request) if request.method == "POST" else self.error(404)
        if request.method in ("GET", "HEAD") and request.path == "/api/timedtext":
            return self.timedtext(request)
        if request.method in ("GET", "HEAD") and request.path == "/watch":
            return self.watch(request)
        return self.error(404)

    def error(self, status, message="", name=None):
        message = message or ("Resource has been exhausted (e.g. check quota)." if status == 429
                              else "The service is currently unavailable." if status >= 500
                              else "Requested entity was not found.")
        name = name or HTTP_STATUS_NAMES.get(status, "UNKNOWN")
        reason = {"RESOURCE_EXHAUSTED": "rateLimitExceeded", "NOT_FOUND": "notFound",
                  "FAILED_PRECONDITION": "failedPrecondition"}.get(name, "badRequest")
        return json_response({"error": {"code": status, "message": message, "status": name, "errors": [
            {"message": message, "domain": "global", "reason": reason}]}}, status)

    def find(self, key):
        if key.startswith(("bulk", "slow", "hour")):
            return self.sandbox.library.synthetic(key)
        return self.sandbox.library.find("youtube", key)

    # ---- the player call ----

    def player(self, request):
        body = request.json_object()
        client, key = read_client(body), body.get("videoId")
        if not isinstance(key, str) or not re.fullmatch(r"[0-9A-Za-z_-]{11}", key):
            raise BadRequest("Request contains an invalid argument.")
        request.note.update(video=key, client=client["clientName"])
        if is_stale(client):
            return self.error(400, "Precondition check failed.", "FAILED_PRECONDITION")
        video = self.find(key)
        visitor = client.get("visitorData") or "Cgt" + sign("visitor", key)[:20]
        answer = {"responseContext": {"visitorData": visitor, "maxAgeSeconds": 0, "serviceTrackingParams": []}}
        state = state_for(video, key, client["clientName"], body)
        if state in REFUSALS:
            answer["playabilityStatus"] = refusal(state)
            return json_response(answer)
        answer["playabilityStatus"] = playability(video, state)
        answer["videoDetails"] = details(video, state)
        tracks = self.tracks(request, video, client["clientName"]) if state == "ok" else []
        if tracks:
            answer["captions"] = {"playerCaptionsTracklistRenderer": tracklist(tracks)}
        if state == "ok":
            answer["streamingData"] = {"expiresInSeconds": "21540", "formats": [], "adaptiveFormats": []}
        return json_response(answer)

    def tracks(self, request, video, client_name):
        kind = video.options.get("captions", "manual")
        tracks = []
        if kind in ("auto", "both"):
            tracks.append(self.track(request, video, client_name, "asr", "en"))
        if kind in ("manual", "both"):
            tracks.append(self.track(request, video, client_name, "", video.options.get("language", "en")))
        return tracks

    def track(self, request, video, client_name, kind, language):
        name = "English (auto-generated)" if kind else {"en": "English"}.get(language, f"English ({language})")
        track = {
            "baseUrl": self.caption_url(request, video, client_name, kind, language),
            "name": {"runs": [{"text": name}]} if client_name in ("ANDROID", "IOS") else {"simpleText": name},
            "vssId": f"{'a' if kind else ''}.{language}",
            "languageCode": language,
            "isTranslatable": True,
        }
        if kind:
            track["kind"] = kind
        return track

    def caption_url(self, request, video, client_name, kind, language):
        """Signed and expiring, as the real ones; relative where the entry says so."""
        signed = {"v": video.id, "ei": sign("ei", video.id)[:22], "caps": "asr" if kind else "",
                  "expire": str(now() + self.sandbox.settings.url_ttl)}
        if client_name in GATED_CLIENTS or video.options.get("gated"):
            signed["exp"] = "xpe"
        signature = sign("youtube", *(signed.get(name, "") for name in SIGNED))
        query = (f"v={signed['v']}&ei={signed['ei']}&caps={signed['caps']}&opi=112496729&xoaf=5&hl=en&ip=0.0.0.0"
                 f"&ipbits=0&expire={signed['expire']}&sparams=ip%2Cipbits%2Cexpire%2Cv%2Cei%2Ccaps%2Copi%2Cxoaf"
                 f"&signature={signature[:40].upper()}.{signature[40:].upper()}&key=yt8")
        query += f"&exp={signed['exp']}" if "exp" in signed else ""
        query += f"&kind={kind}" if kind else ""
        query += f"&lang={language}"
        query += "&fmt=srv3" if client_name in ("ANDROID", "ANDROID_VR") else ""
        base = "" if video.options.get("relative_urls") else request.base
        return f"{base}/api/timedtext?{query}"

    # ---- the caption file ----

    def timedtext(self, request):
        query = request.query
        video = self.find(query.get("v", ""))
        request.note.update(video=query.get("v", ""), fmt=query.get("fmt", "srv1"))
        signature = query.get("signature", "").replace(".", "").lower()
        if not is_signed(signature, "youtube", *(query.get(name, "") for name in SIGNED)):
            return html_response("<html><title>Error 403 (Forbidden)!!1</title></html>", 403)
        if video is None or as_int(query.get("expire")) < now():
            return html_response("<html><title>Error 404 (Not Found)!!1</title></html>", 404)
        if "tlang" in query:
            return html_response("<html><title>Error 429 (Too Many Requests)!!1</title></html>", 429)
        if query.get("exp") in ("xpe", "xpv") and not query.get("pot"):
            return html_response("")
        if video.id.startswith("slow"):
            time.sleep(self.sandbox.settings.slow_seconds)
        automatic = query.get("kind") == "asr"
        file = captions.youtube(video.segments, query.get("fmt", "srv1"), automatic)
        if file is None:
            return html_response("<html><title>Error 400 (Bad Request)!!1</title></html>", 400)
        text, content_type = file
        return text_response(text, content_type=content_type)

    # ---- the page ----

    def watch(self, request):
        key = request.query.get("v", "")
        video = self.find(key)
        state = state_for(video, key, "WEB", {})
        player = {"playabilityStatus": refusal(state) if state in REFUSALS else playability(video, state)}
        if state not in REFUSALS:
            player["videoDetails"] = details(video, state)
            tracks = self.tracks(request, video, "WEB") if state == "ok" else []
            player.update({"captions": {"playerCaptionsTracklistRenderer": tracklist(tracks)}} if tracks else {})
        settings = {"INNERTUBE_API_KEY": "AIzaSySandboxSandboxSandboxSandbox00000",
                    "INNERTUBE_CLIENT_NAME": "WEB", "INNERTUBE_CLIENT_VERSION": "2.20260708.00.00",
                    "VISITOR_DATA": "Cgt" + sign("visitor", key)[:20]}
        return html_response(
            "<!DOCTYPE html><html><head><title>YouTube</title></head><body>"
            f"<script>ytcfg.set({compact(settings)});</script>"
            f"<script>var ytInitialPlayerResponse = {compact(player)};</script></body></html>")


def compact(value):
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")


def read_client(body):
    """context.client, checked: a name we know and a version."""
    context = body.get("context")
    client = context.get("client") if isinstance(context, dict) else None
    names = [client.get(name) for name in ("clientName", "clientVersion")] if isinstance(client, dict) else [None]
    if not all(isinstance(name, str) for name in names) or names[0] not in CLIENTS:
        raise BadRequest("Request contains an invalid argument.")
    return client


def is_stale(client):
    return as_int(client["clientVersion"].split(".")[0]) < CLIENTS[client["clientName"]]


def state_for(video, key, client_name, body):
    """The state as this client identity is told it."""
    if key.startswith("gone"):
        return "removed"
    if video is None:
        return "unknown"
    if client_name == "TVHTML5":
        return "not_a_bot"
    if video.state == "kids":
        return "kids" if client_name == "VISIONOS" else "ok"
    if video.state == "age_restricted" and passes_age_gate(video, client_name, body):
        return "ok"
    return video.state


def passes_age_gate(video, client_name, body):
    """The player embedded on somebody's page shows some age-restricted videos."""
    party = body.get("context", {}).get("thirdParty")
    url = party.get("embedUrl", "") if isinstance(party, dict) else ""
    return (client_name == "WEB_EMBEDDED_PLAYER" and bool(video.options.get("embeddable"))
            and str(url).startswith("https://") and "youtube.com" not in str(url))


def refusal(state):
    status, reason, more = REFUSALS[state]
    return {"status": status, "reason": reason, **more, "errorScreen": {"playerErrorMessageRenderer": {
        "reason": {"simpleText": reason}, "icon": {"iconType": "ERROR_OUTLINE"}}}}


def playability(video, state):
    if state != "upcoming":
        return {"status": "OK", "playableInEmbed": True}
    start = str(now() + video.options.get("starts_in_seconds", 7200))
    slate = {"liveStreamOfflineSlateRenderer": {"scheduledStartTime": start,
                                                "mainText": {"runs": [{"text": "Live in 2 hours"}]}}}
    return {"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 2 hours.",
            "liveStreamability": {"liveStreamabilityRenderer": {"videoId": video.id, "offlineSlate": slate,
                                                                "pollDelayMs": "15000"}}}


def details(video, state):
    value = {
        "videoId": video.id,
        "title": video.title,
        "lengthSeconds": str(0 if state in ("live", "upcoming") else round(video.duration_ms / 1000)),
        "channelId": "UCinventedinventedinvent0",
        "isOwnerViewing": False,
        "shortDescription": f"{video.title}. A sample video.",
        "isCrawlable": True,
        "thumbnail": {"thumbnails": [{"url": f"https://i.ytimg.com/vi/{video.id}/hqdefault.jpg",
                                      "width": 480, "height": 360}]},
        "allowRatings": True,
        "viewCount": "1204",
        "author": video.options.get("author", "Invented Channel"),
        "isPrivate": False,
        "isLiveContent": state in ("live", "upcoming"),
    }
    if state == "live":
        value["isLive"] = True
    if state == "upcoming":
        value["isUpcoming"] = True
    return value


def tracklist(tracks):
    manual = next((i for i, track in enumerate(tracks) if "kind" not in track), None)
    audio = {"captionTrackIndices": list(range(len(tracks))), "visibility": "UNKNOWN",
             "hasDefaultTrack": manual is not None, "captionsInitialState": "CAPTIONS_INITIAL_STATE_OFF_RECOMMENDED"}
    if manual is not None:
        audio["defaultCaptionTrackIndex"] = manual
    languages = [{"languageCode": "de", "languageName": {"simpleText": "German"}},
                 {"languageCode": "fr", "languageName": {"simpleText": "French"}}]
    return {"captionTracks": tracks, "audioTracks": [audio], "translationLanguages": languages,
            "defaultAudioTrackIndex": 0}
