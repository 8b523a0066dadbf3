"""What the application's front end asks for: bulk operations, dashboards, videos, search, files."""

import csv
import datetime
import io
import os
import time
import urllib.parse
import uuid

import psycopg2
import psycopg2.extras
import pytest

from conftest import make_engine
from harness.fixtures import finish, new_database, start_redis
from keys import new_key
from test_server import is_error
from web import Web

TRANSCRIPT = "The mitochondria is the powerhouse of the cell. " * 40


@pytest.fixture(scope="module")
def app(session_folder, postgres, migrated):
    """A whole system whose files are in a directory."""
    url = postgres.url(new_database(postgres, migrated))
    e = make_engine(os.path.join(session_folder, "console-application"), url,
                    STORAGE_URL="file:" + os.path.join(session_folder, "console-files"))
    try:
        start_redis(e.stack)
        e.start(workers=1)
        e.stack.start_console()
        connection = psycopg2.connect(url)
        connection.autocommit = True
        yield App(e, connection)
        connection.close()
    finally:
        finish(e)


class App(Web):
    def __init__(self, engine, connection):
        super().__init__(engine)
        self.connection = connection

    def rows(self, sql, *values):
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
            c.execute(sql, values)
            return c.fetchall() if c.description else []

    def creator(self):
        name = uuid.uuid4().hex
        return str(self.rows("insert into public.creators (whop_company_id, whop_user_id, email) values (%s, %s, %s)"
                             " returning id", "biz_" + name, "user_" + name, name + "@example.com")[0]["id"])

    def video(self, creator, title="A video", status="completed", transcript=None, age_minutes=0):
        video = str(self.rows(
            "insert into public.videos (creator_id, title, source_type, youtube_video_id, status, transcript)"
            " values (%s, %s, 'youtube', 'bulk0000001', %s, %s) returning id",
            creator, title, status, transcript)[0]["id"])
        if age_minutes:
            self.rows("alter table public.videos disable trigger user")
            self.rows("update public.videos set updated_at = now() - make_interval(mins => %s) where id = %s",
                      age_minutes, video)
            self.rows("alter table public.videos enable trigger user")
        return video

    def start(self, kind, creator, videos):
        answer = self.post("/api/bulk/" + kind, {"creator_id": creator, "video_ids": videos})
        assert answer.status == 200, answer
        return answer.json["data"]["operation_id"]

    def ended(self, operation):
        until = time.monotonic() + 60
        while True:
            data = self.get("/api/bulk/status/" + operation).data
            if data["status"] not in ("pending", "in_progress"):
                return data
            assert time.monotonic() < until, data
            time.sleep(0.1)

    def events(self, name, video):
        return self.rows("select * from chronos.outbox where name = %s and data ->> 'videoId' = %s", name, video)


# ---- bulk operations ----
def test_a_bulk_operation_from_the_request_to_its_end(app):
    creator = app.creator()
    videos = [app.video(creator, f"v{i}") for i in range(12)]
    nobody = str(uuid.uuid4())
    operation = app.start("delete", creator, videos[:11] + [nobody])
    data = app.ended(operation)
    assert (data["status"], data["operation_type"], data["creator_id"]) == ("partial", "delete", creator)
    assert data["progress"] == {"current": 12, "total": 12, "percentage": 100} and data["completed_at"]
    left = app.rows("select id from public.videos where creator_id = %s and not is_deleted", creator)
    assert [str(r["id"]) for r in left] == videos[11:]
    listed = app.get(f"/api/bulk?creator_id={creator}").json
    assert [o["id"] for o in listed["data"]] == [operation] and listed["next"] is None


def test_an_export_can_be_downloaded_until_its_link_ends(app):
    creator = app.creator()
    videos = [app.video(creator, title) for title in ("one", 'tw"o', "=1+1")]
    data = app.ended(app.start("export", creator, videos))
    assert data["status"] == "completed", data
    link = urllib.parse.urlsplit(data["result"]["download_url"])
    target = link.path + "?" + link.query
    answer = app.get(target)
    assert answer.status == 200 and answer.headers["Content-Disposition"].startswith("attachment; filename=")
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert [r[0] for r in rows[1:]] == videos and rows[3][1] == "'=1+1"
    for wrong in (target[:-1] + ("0" if target[-1] != "0" else "1"), link.path, target.replace("expires=", "expires=9"),
                  "/storage/" + "..%2f" * 6 + "etc/passwd?" + link.query, target.replace(videos[0], videos[1]) + "0"):
        assert app.get(wrong).status in (400, 403), wrong
    assert app.get(target, Range="bytes=0-3").status in (200, 206)


@pytest.mark.parametrize("body, field", [
    ({}, "creator_id"), ({"creator_id": "x", "video_ids": ["a"]}, "creator_id"),
    ({"creator_id": str(uuid.uuid4())}, "video_ids"), ({"creator_id": str(uuid.uuid4()), "video_ids": []}, "video_ids"),
    ({"creator_id": str(uuid.uuid4()), "video_ids": "all"}, "video_ids"),
    ({"creator_id": str(uuid.uuid4()), "video_ids": [str(uuid.uuid4()), 7]}, "video_ids[1]"),
    ({"creator_id": str(uuid.uuid4()), "video_ids": [str(uuid.uuid4())] * 10001}, "video_ids")])
def test_bad_bulk_requests_name_the_field(app, body, field):
    before = app.rows("select count(*) from public.bulk_operations")
    assert is_error(app.post("/api/bulk/delete", body), 400, "invalid_input")["field"] == field
    assert app.rows("select count(*) from public.bulk_operations") == before


def test_unknown_creators_and_operations(app):
    body = {"creator_id": str(uuid.uuid4()), "video_ids": [str(uuid.uuid4())]}
    is_error(app.post("/api/bulk/export", body), 404, "creator_not_found")
    for unknown in (str(uuid.uuid4()), "x", "'; drop table public.videos; --"):
        is_error(app.get("/api/bulk/status/" + urllib.parse.quote(unknown)), 404, "not_found")


# ---- dashboards ----
def window(days, end=None):
    end = end or datetime.datetime.now(datetime.timezone.utc)
    return urllib.parse.urlencode({"start": (end - datetime.timedelta(days=days)).isoformat(), "end": end.isoformat()})


def test_a_dashboard_is_computed_once_and_then_read(app):
    creator = app.creator()
    app.video(creator)
    path = f"/api/analytics/videos/dashboard?creator_id={creator}&"
    live = app.get(path + window(30))
    assert live.status == 200 and "cached" not in live.json and live.json["success"] is True
    cached = app.get(path + window(30)).json
    assert cached["cached"] is True and cached["data"] == live.json["data"] and cached["computed_at"]
    app.rows("update public.analytics_cache set computed_at = now() - interval '6 hours 1 second' where creator_id = %s",
             creator)
    assert "cached" not in app.get(path + window(30)).json, "older than six hours"
    assert "cached" not in app.get(path + window(12)).json, "a window that is not kept"
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=3)
    assert "cached" not in app.get(path + window(30, old)).json
    ranges = app.rows("select date_range from public.analytics_cache where creator_id = %s", creator)
    assert [r["date_range"] for r in ranges] == ["last_30_days"]


@pytest.mark.parametrize("query, status, field", [
    ("", 400, "creator_id"), ("creator_id=x", 400, "start"), ("creator_id=x&start=2026-01-01", 400, "end"),
    ("creator_id=x&start=yesterdayish&end=2026-01-01", 400, "start"),
    ("creator_id=x&start=2026-01-02&end=2026-01-01", 400, "end"), ("creator_id=x&start=-infinity&end=infinity", 400, "end"),
    ("creator_id=x&start=2026-01-01&end=2026-01-02", 404, "creator_id")])
def test_bad_dashboards(app, query, status, field):
    code = "invalid_input" if status == 400 else "CREATOR_NOT_FOUND"
    assert is_error(app.get("/api/analytics/videos/dashboard?" + query), status, code)["field"] == field


# ---- videos ----
def test_a_stuck_video_is_seen_explained_and_started_again(app):
    creator = app.creator()
    video = app.video(creator, "stuck", "processing", TRANSCRIPT, age_minutes=50)
    listed = app.get("/api/admin/stuck-videos").json
    mine = [v for v in listed["data"] if v["id"] == video]
    assert listed["count"] == len(listed["data"]) and len(mine) == 1
    assert mine[0]["has_transcript"] and mine[0]["stuck_duration_minutes"] in (50, 51) and mine[0]["chunk_count"] == 0
    assert mine[0]["transcript_preview"] == TRANSCRIPT[:200] + "..."
    told = app.get("/api/admin/video-diagnostics/" + video).json["diagnostics"]
    assert told["isStuck"] and told["recommendedAction"] == "retry-embeddings" and not told["isWorkedOn"]
    assert app.get(f"/api/video/{video}/status").json["currentStage"]["retryable"] is True

    answer = app.post(f"/api/video/{video}/retry").json
    assert answer["video"] == {"id": video, "title": "stuck", "status": "processing",
                               "eventSent": "video/transcription.completed"}
    until = time.monotonic() + 60
    while (status := app.get(f"/api/video/{video}/status").json)["status"] != "completed":
        assert time.monotonic() < until and status["status"] != "failed", status
        time.sleep(0.1)
    assert status["progress"] == 100 and status["isTerminal"] and status["metadata"]["chunkCount"] > 0
    is_error(app.post(f"/api/video/{video}/retry"), 400, "not_retryable")


def test_twice_at_once_starts_one(app):
    video = app.video(app.creator(), "twice", "failed", TRANSCRIPT)
    app.rows("update public.videos set error_message = 'it broke' where id = %s", video)
    answers = [app.post(f"/api/video/{video}/retry") for _ in range(2)]
    assert answers[0].status == 200 and answers[1].status in (409, 400), answers  # 400: it is completed already
    assert len(audit(app, action="video.retry", target=video)) == 1
    assert app.rows("select error_message from public.videos where id = %s", video)[0]["error_message"] is None


def test_all_stuck_ones_at_once(app):
    creator = app.creator()
    stuck = {app.video(creator, f"s{i}", "embedding", TRANSCRIPT, age_minutes=20) for i in range(3)}
    fresh = app.video(creator, "fresh", "embedding", TRANSCRIPT)
    answer = app.post("/api/admin/retry-all-stuck").json
    started = {r["videoId"] for r in answer["results"]}
    assert stuck <= started and fresh not in started
    assert answer["totalProcessed"] == answer["successCount"] == len(answer["results"])
    assert not stuck & {v["id"] for v in app.get("/api/admin/stuck-videos").json["data"]}


def test_unknown_videos(app):
    for path in ("/api/video/{}/status", "/api/admin/video-diagnostics/{}"):
        for unknown in (str(uuid.uuid4()), "x"):
            is_error(app.get(path.format(unknown)), 404, "not_found")
    is_error(app.post(f"/api/video/{uuid.uuid4()}/retry"), 404, "not_found")


def test_a_list_in_pages(app):
    creator = app.creator()
    videos = [app.video(creator, f"Lesson {i}", "failed" if i % 2 else "completed") for i in range(5)]
    app.rows("update public.videos set created_at = (select created_at from public.videos where id = %s) where id = any(%s::uuid[])",
             videos[1], videos[1:4])  # imported together
    seen, before = [], ""
    while True:
        page = app.get(f"/api/video/list?creatorId={creator}&limit=2{before}").json
        seen += [v["id"] for v in page["data"]]
        if page["next"] is None:
            break
        before = "&before=" + urllib.parse.quote(page["next"])
    assert seen == [videos[4], *sorted(videos[1:4], reverse=True), videos[0]]
    failed = app.get(f"/api/video/list?creatorId={creator}&status=failed,pending&search=LESSON%203").json["data"]
    assert [(v["title"], v["status"], v["progress"]) for v in failed] == [("Lesson 3", "failed", 0)]
    is_error(app.get("/api/video/list?limit=100000"), 400, "invalid_input")
    for bad in ("soon", "2026-01-31T00:00:00Z,x"):
        is_error(app.get(f"/api/video/list?before={bad}"), 400, "invalid_input")


def test_reprocessing_by_id_and_by_creator(app):
    creator = app.creator()
    video = app.video(creator, "again", "completed", TRANSCRIPT)
    app.video(creator, "silent")
    assert app.post("/api/admin/reprocess-embeddings", {"videoIds": [video], "reason": "new model"}).json["video_count"] == 1
    assert app.post("/api/admin/reprocess-embeddings", {"creatorId": creator}).json["video_count"] == 1
    for body, field in (({}, "videoIds"), ({"videoIds": ["x"]}, "videoIds[0]"), ({"videoIds": [video], "reason": 1}, "reason")):
        assert is_error(app.post("/api/admin/reprocess-embeddings", body), 400, "invalid_input")["field"] == field
    is_error(app.post("/api/admin/reprocess-embeddings", {"creatorId": str(uuid.uuid4())}), 404, "creator_not_found")


# ---- who did it ----
def audit(app, **which):
    """Rows of the audit log, newest first."""
    return app.get("/v1/audit?" + urllib.parse.urlencode(which)).data


def test_changes_of_the_front_end_are_in_the_audit_log(app):
    creator = app.creator()
    videos = [app.video(creator, f"audited {i}", "completed", TRANSCRIPT) for i in range(2)]
    key, hashed = new_key("admin", "front-end")
    console = app.engine.stack.start_console("console-audited", CHRONOS_ADMIN_KEYS=hashed)
    try:
        w, shown = Web(app.engine, console), {"Authorization": f"Bearer {key}"}
        done = w.post("/api/bulk/export", {"creator_id": creator, "video_ids": videos, "token": "not of interest"}, **shown)
        operation = done.json["data"]["operation_id"]
        w.post("/api/admin/reprocess-embeddings", {"videoIds": videos[:1]}, **shown)
        w.post("/api/admin/reprocess-embeddings", {"creatorId": creator}, **shown)
        failed = app.video(creator, "broken", "failed", TRANSCRIPT)
        assert w.post(f"/api/video/{failed.upper()}/retry", **shown).status == 200
    finally:
        console.stop()
    row = audit(app, target=operation)[0]
    assert (row["who"], row["from"], row["action"]) == ("admin:front-end", "127.0.0.1", "bulk.export")
    assert row["details"] == {"creator_id": creator, "video_count": 2} and row["request_id"] == done.headers["X-Request-Id"]
    by_creator, by_id = [r for r in audit(app, action="videos.reprocess", who="admin:front-end") if r["who"] == "admin:front-end"]
    assert (by_creator["target"], by_creator["details"]) == (creator, {"video_count": 2})
    assert (by_id["target"], by_id["details"]) == (None, {"video_count": 1, "videos": videos[:1]})
    assert [(r["action"], r["details"]) for r in audit(app, target=failed)] == [("video.retry", {"event": "video/transcription.completed"})]


def test_all_stuck_ones_are_one_row_and_none_is_no_row(app):
    stuck = {app.video(app.creator(), "stuck", "embedding", TRANSCRIPT, age_minutes=20) for _ in range(2)}
    app.post("/api/admin/retry-all-stuck")
    rows = audit(app, action="videos.retry_stuck")
    assert stuck <= set(rows[0]["details"]["videos"])
    assert app.post("/api/admin/retry-all-stuck").json["results"] == []
    assert audit(app, action="videos.retry_stuck") == rows


def test_what_was_refused_is_not_in_the_audit_log(app):
    before = audit(app)
    creator = app.creator()
    is_error(app.post("/api/bulk/delete", {"creator_id": creator, "video_ids": ["x"]}), 400, "invalid_input")
    is_error(app.post(f"/api/video/{app.video(creator)}/retry"), 400, "not_retryable")
    is_error(app.post("/api/admin/reprocess-embeddings", {"creatorId": creator}), 404, "not_found")
    assert audit(app) == before


def test_a_change_that_cannot_be_noted_is_not_made(app):
    creator = app.creator()
    app.rows("alter table chronos.audit add constraint no_bulk check (action <> 'bulk.delete') not valid")
    try:
        assert app.post("/api/bulk/delete", {"creator_id": creator, "video_ids": [app.video(creator)]}).status >= 400
    finally:
        app.rows("alter table chronos.audit drop constraint no_bulk")
    assert app.rows("select from public.bulk_operations where creator_id = %s", creator) == []


# ---- search ----
def test_search_finds_what_was_said_and_where(app):
    creator, other = app.creator(), app.creator()
    video = app.video(creator, "Biology", "processing", TRANSCRIPT, age_minutes=50)
    app.post(f"/api/video/{video}/retry")
    until = time.monotonic() + 60
    while app.get(f"/api/video/{video}/status").json["status"] != "completed":
        assert time.monotonic() < until
        time.sleep(0.1)
    question = urllib.parse.quote("powerhouse of the cell")
    found = app.get(f"/api/video/search?q={question}&creator_id={creator}").json["data"]
    assert found and found[0]["video_id"] == video and "mitochondria" in found[0]["chunk_text"]
    assert found[0]["title"] == "Biology" and found[0]["similarity"] > 0.1 and found[0]["start_time_seconds"] >= 0
    assert app.get(f"/api/video/search?q={question}&creator_id={other}").json["data"] == []
    assert app.get(f"/api/video/search?q={question}&creator_id={creator}&threshold=1").json["data"] == []


@pytest.mark.parametrize("query, field", [("", "q"), ("q=%20", "q"), ("q=" + "x" * 3000, "q"), ("q=a&limit=0", "limit"),
                                          ("q=a&threshold=high", "threshold"), ("q=a&creator_id=x", "creator_id")])
def test_bad_searches(app, query, field):
    assert is_error(app.get("/api/video/search?" + query), 400, "invalid_input")["field"] == field


@pytest.mark.parametrize("path, field", [("/api/bulk?creator_id=", "creator_id"), ("/api/video/list?creatorId=", "creatorId")])
@pytest.mark.parametrize("creator", ("x", "0" * 36, "00000000-0000-0000-0000-00000000000g"))
def test_creators_that_are_no_uuid(app, path, field, creator):
    assert is_error(app.get(path + creator), 400, "invalid_input")["field"] == field


# ---- health ----
def test_health(app):
    answer = app.get("/api/health/inngest")
    assert answer.status == 200 and answer.json["healthy"] is True and answer.json["details"]["testEventSent"] is True
