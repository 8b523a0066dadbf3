"""whop.py: course lessons and the way down to them.

    GET /whop/course_lessons/{lesn_…}                  one lesson, with its video
    GET /whop/course_lessons?course_id=&chapter_id=    without video; first, after
    GET /whop/courses?company_id=  /whop/courses/{id}  /whop/course_chapters?course_id=

States (library/whop.json): ok, forbidden. Options: "embed_type" and "embed_id", or "mux_playback_id" of a video in
library/mux.json with "account": "whop", and "video_status" uploading, created or ready; none of them: a text lesson.
"""
from mux import asset_id, playback_token, policy
from wire import as_int, json_response

TYPES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limit_exceeded",
         500: "internal_server_error"}
MESSAGES = {
    401: "The API Key supplied does not have permission to access this resource",
    403: "You do not have the required permission: courses:read",
    404: "The course lesson was not found",
    429: "You have exceeded the rate limit for this operation. Try again in 12 seconds.",
}
COURSE = {"id": "cors_Sandbox00000001", "title": "Things to do by hand", "tagline": None, "order": "0",
          "created_at": "2026-03-02T10:15:30.000Z", "updated_at": "2026-03-02T10:15:30.000Z"}
CHAPTER = {"id": "chap_Sandbox00000001", "title": "First lessons", "order": 0}


class Whop:
    max_body = 1 << 20

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def handle(self, request):
        if not self.sandbox.is_key(request.bearer()):
            return self.error(401)
        parts = request.segments
        if request.method != "GET" or len(parts) > 2:
            return self.error(404)
        what, key = (parts + [""])[:2]
        if what == "course_lessons":
            return self.lesson(key) if key else self.lessons(request)
        if what == "courses":
            return self.course(key) if key else page(request, [COURSE])
        if what == "course_chapters" and not key:
            return page(request, [CHAPTER])
        return self.error(404)

    def error(self, status, message=""):
        return json_response({"error": {"type": TYPES.get(status, "error"),
                                        "message": message or MESSAGES.get(status, f"HTTP {status}")}}, status)

    def course(self, key):
        return json_response({**COURSE, "chapters": [CHAPTER]}) if key == COURSE["id"] else self.error(404)

    def lesson(self, key):
        video = self.sandbox.library.find("whop", key)
        if video is None:
            return self.error(404)
        if video.state == "forbidden":
            return self.error(403)
        return json_response({**entry(video), "video_asset": self.video_asset(video), "attachments": [],
                              "chapter": {"id": CHAPTER["id"]}})

    def lessons(self, request):
        query = request.query
        if "course_id" not in query and "chapter_id" not in query:
            return self.error(400, "Either course_id or chapter_id is required")
        if query.get("course_id") not in (None, COURSE["id"]) or query.get("chapter_id") not in (None, CHAPTER["id"]):
            return self.error(404)
        return page(request, [entry(video) for video in self.sandbox.library.of("whop")])

    def video_asset(self, video):
        key = video.options.get("mux_playback_id")
        if not key:
            return None
        status = video.options.get("video_status", "ready")
        value = {"id": "file_" + video.id[5:], "asset_id": None, "playback_id": None, "signed_playback_id": None,
                 "signed_video_playback_token": None, "signed_thumbnail_playback_token": None,
                 "signed_storyboard_playback_token": None, "status": status, "audio_only": False,
                 "duration_seconds": None, "finished_uploading_at": None}
        asset = self.sandbox.library.find("mux", key)
        if status != "ready" or asset is None:
            return value
        is_signed = policy(asset) == "signed"
        return {**value, "asset_id": asset_id(asset), "signed_playback_id" if is_signed else "playback_id": key,
                "signed_video_playback_token": playback_token(key) if is_signed else None,
                "duration_seconds": round(asset.duration_ms / 1000),
                "finished_uploading_at": "2026-03-02T10:15:30.000Z"}


def entry(video):
    embed = video.options.get("embed_id")
    has_video = embed or video.options.get("mux_playback_id")
    return {"id": video.id, "title": video.title, "order": 0, "lesson_type": "video" if has_video else "text",
            "content": None if has_video else "Read the handout before the next lesson.", "visibility": "visible",
            "embed_type": video.options.get("embed_type") if embed else None, "embed_id": embed,
            "created_at": "2026-03-02T10:15:30.000Z", "days_until_unlock": None,
            "thumbnail": {"url": f"https://assets.whop.com/thumbnails/{video.id}.jpg"} if has_video else None}


def page(request, rows):
    """first and after, as every list of theirs."""
    first, after = as_int(request.query.get("first"), 20), as_int(request.query.get("after"), -1)
    start = after + 1
    shown = rows[max(0, start):start + max(0, first)]
    last = start + len(shown) - 1
    return json_response({"data": shown, "page_info": {
        "start_cursor": str(start) if shown else None, "end_cursor": str(last) if shown else None,
        "has_next_page": start + len(shown) < len(rows), "has_previous_page": start > 0}})
