"""aggregate-analytics: the cache holds what a slow and plain reference computes from the same rows."""

import contextlib
import datetime
import json
import os
import uuid

import psycopg2
import pytest

import analytics_reference as reference
from ops.stack import repository, seed

AGGREGATE = "aggregate-analytics"
# A moment of that milliseconds' precision which the ranges are computed for: their bounds are known then.
NOW = datetime.datetime(2026, 3, 29, 10, 30, 15, 250000, reference.UTC)


@pytest.fixture
def school(chronos):
    """A stack without daemons; refresh() computes as of NOW."""
    return chronos


def refresh(chronos, at=NOW, creators=None):
    if creators is None:
        creators = [r["id"] for r in chronos.rows("select id from public.creators")]
    return chronos.row("select * from chronos.refresh_analytics(%s::uuid[], %s)", [str(c) for c in creators], at)


def cached(chronos, creator, name="last_7_days"):
    return chronos.value("select data from public.analytics_cache where creator_id = %s and date_range = %s",
                         creator, name)


def expect_as_the_reference(chronos, at=NOW):
    """Every creator, every range."""
    creators = [r["id"] for r in chronos.rows("select id from public.creators order by id")]
    compared = 0
    for creator in creators:
        for name, (start, end) in reference.ranges(at).items():
            expected = reference.dashboard(chronos.rows, creator, start, end)
            wrong = reference.differences(json.loads(json.dumps(expected)), cached(chronos, creator, name))
            assert wrong == [], f"{creator} {name}: {wrong[:5]}"
            compared += 1
    return compared


def put(chronos, video, kind, at, student=None, creator=None, **metadata):
    chronos.rows("""insert into public.video_analytics_events (event_type, video_id, creator_id, student_id, metadata,
        "timestamp", created_at) values (%s, %s, %s, %s, %s, %s, %s)""", kind, video["id"],
                 creator or video["creator_id"], student, json.dumps(metadata),
                 at - datetime.timedelta(days=3000), at)


def plant(chronos, **arguments):
    with chronos.db.cursor() as c:
        c.execute(seed.statement(**{"creators": 12, "events": 6000, "seed": 3, "videos": 90, "students": 60,
                                    "until": NOW.isoformat(), **arguments}))


def before(**delta):
    return NOW - datetime.timedelta(**delta)


def make_student(chronos, creator):
    student = str(uuid.uuid4())
    chronos.insert("public.students", {"id": student, "whop_user_id": student, "whop_membership_id": "m",
                                       "creator_id": creator, "email": "e"})
    return student


# ---- the figures ----

def test_generated_schools_are_as_the_reference_says(school):
    plant(school)
    done = refresh(school)
    assert (done["processed"], done["entries"], done["errors"]) == (12, 48, [])
    assert expect_as_the_reference(school) == 48
    assert max(cached(school, c["id"], "all_time")["metrics"]["total_views"]
               for c in school.rows("select id from public.creators")) > 300


def test_bounds_count_to_the_millisecond(school):
    """An event on the bound is in; one a millisecond beyond is not; one at the start counts in both periods."""
    video = school.make_video("upload", created_at=before(days=3))
    tick = datetime.timedelta(milliseconds=1)
    for days in (7, 14, 30, 60, 90, 180):
        for at in (before(days=days) - tick, before(days=days), before(days=days) + tick):
            put(school, video, "video_started", at)
            put(school, video, "video_completed", at, watch_time_seconds=10)
    for at in (NOW - tick, NOW, NOW + tick, NOW.replace(year=2020) - tick, NOW.replace(year=2020)):
        put(school, video, "video_started", at)
    refresh(school)
    expect_as_the_reference(school)
    week = cached(school, video["creator_id"])["metrics"]
    assert week["total_views"] == 4 and week["trends"]["views"] == 0  # before: 14 days, 14 days less a tick, 2 at 7
    assert cached(school, video["creator_id"], "all_time")["metrics"]["total_views"] == 21


def test_deleted_videos_count_for_the_creator_and_not_as_videos(school):
    gone = school.make_video("youtube", is_deleted=True)
    kept = school.make_video("youtube", creator=gone["creator_id"])
    for video in (gone, gone, kept):
        put(school, video, "video_started", before(hours=5))
    put(school, gone, "video_completed", before(hours=4), watch_time_seconds=90)
    refresh(school)
    data = cached(school, gone["creator_id"])
    assert (data["metrics"]["total_views"], data["metrics"]["total_videos"]) == (3, 1)
    assert data["metrics"]["total_watch_time_seconds"] == 90
    assert [v["id"] for v in data["top_videos"]] == [str(kept["id"])]
    expect_as_the_reference(school)


def test_rates_may_be_above_a_hundred(school):
    video = school.make_video("loom")
    put(school, video, "video_started", before(days=2))
    for _ in range(3):
        put(school, video, "video_completed", before(days=1), watch_time_seconds=12.5)
    refresh(school)
    data = cached(school, video["creator_id"])
    assert data["completion_rates"][0]["completion_rate"] == 300
    assert data["metrics"]["avg_completion_rate"] == 300
    assert data["top_videos"][0]["avg_watch_time_seconds"] == 12.5
    expect_as_the_reference(school)


def test_events_without_a_student_are_views_of_nobody(school):
    video = school.make_video("mux")
    more = school.make_video("mux", creator=video["creator_id"])
    student = make_student(school, video["creator_id"])
    for v, who in ((video, None), (video, student), (video, student), (more, student)):
        put(school, v, "video_started", before(hours=2), student=who)
    refresh(school)
    data = cached(school, video["creator_id"])
    assert data["student_engagement"]["active_learners"] == 1
    assert data["student_engagement"]["avg_videos_per_student"] == 2
    assert data["metrics"]["total_views"] == 4
    expect_as_the_reference(school)


def test_days_and_hours_are_those_of_utc(school):
    video = school.make_video("upload", created_at=datetime.datetime(2026, 3, 28, 23, 59, 59, tzinfo=reference.UTC),
                              file_size_bytes=2 ** 29)
    for hour, minute in ((0, 0), (23, 59)):
        put(school, video, "video_started", datetime.datetime(2026, 3, 28, hour, minute, tzinfo=reference.UTC))
    with school.db.cursor() as c:
        c.execute("set timezone to 'Pacific/Kiritimati'")
    refresh(school)
    data = cached(school, video["creator_id"])
    assert data["views_over_time"][-2:] == [{"date": "2026-03-28", "views": 2}, {"date": "2026-03-29", "views": 0}]
    assert len(data["views_over_time"]) == 8
    assert data["storage_usage"][-2] == {"date": "2026-03-28", "storage_gb": 0.5, "cumulative_gb": 0.5}
    assert data["student_engagement"]["peak_hours"] == [
        {"hour": 0, "day_of_week": 6, "activity_count": 1}, {"hour": 23, "day_of_week": 6, "activity_count": 1}]
    expect_as_the_reference(school)


@pytest.mark.parametrize("earlier, now, percent", [(40, 41, 3), (40, 39, -2), (200, 201, 1), (200, 199, 0), (3, 4, 33),
                                                   (0, 5, 100), (0, 0, 0), (5, 0, -100)])
def test_halves_of_a_percent_go_up(school, earlier, now, percent):
    video = school.make_video("youtube")
    for count, at in ((earlier, before(days=10)), (now, before(days=1))):
        school.rows("""insert into public.video_analytics_events (event_type, video_id, creator_id, created_at)
            select 'video_started', %s, %s, %s from generate_series(1, %s)""", video["id"], video["creator_id"], at, count)
    refresh(school)
    assert cached(school, video["creator_id"])["metrics"]["trends"]["views"] == percent
    expect_as_the_reference(school)


def test_a_creator_without_videos_has_a_dashboard_of_zeros(school):
    creator = school.make_creator()
    refresh(school)
    data = cached(school, creator)
    assert data["metrics"] == {"total_views": 0, "total_watch_time_seconds": 0, "avg_completion_rate": 0, "total_videos": 0,
                               "trends": {"views": 0, "watch_time": 0, "completion": 0, "videos": 0}}
    assert data["top_videos"] == data["completion_rates"] == data["cost_breakdown"] == []
    assert len(data["views_over_time"]) == 8
    expect_as_the_reference(school)


def test_costs_are_read_under_both_names_and_failures_are_none(school):
    video = school.make_video("upload")
    put(school, video, "video_transcribed", before(days=4), transcript_method="whisper", cost_usd=0.1)
    put(school, video, "video_transcribed", before(days=3), transcript_method="loom_api", cost=0.5)
    put(school, video, "video_transcribed", before(days=3), transcript_method="whisper", cost_usd=0.2)
    put(school, video, "video_transcribed", before(days=2), cost_usd="a lot")
    put(school, video, "video_transcribed", before(days=2), error="no captions", failed=True)
    refresh(school)
    assert cached(school, video["creator_id"])["cost_breakdown"] == [
        {"method": "whisper", "total_cost": 0.3, "video_count": 2},
        {"method": "loom_api", "total_cost": 0.5, "video_count": 1},
        {"method": "unknown", "total_cost": 0, "video_count": 1}]
    expect_as_the_reference(school)


def test_titles_come_as_they_are(school):
    video = school.make_video("youtube", title='"quoted", \\ and\nlines, 🐝')
    put(school, video, "video_started", before(days=1))
    refresh(school)
    assert cached(school, video["creator_id"])["top_videos"][0]["title"] == video["title"]


def test_lists_are_cut_and_in_order(school):
    first = school.make_video("youtube")
    videos = [first] + [school.make_video("youtube", creator=first["creator_id"]) for _ in range(24)]
    for i, video in enumerate(videos):
        for _ in range(1 + i % 5):
            put(school, video, "video_started", before(hours=i + 1))
        put(school, video, "video_completed", before(hours=1))
    refresh(school)
    data = cached(school, first["creator_id"])
    assert (len(data["top_videos"]), len(data["completion_rates"])) == (20, 10)
    expect_as_the_reference(school)


# ---- a creator that fails, and what is newer ----

def test_one_that_fails_does_not_stop_the_others(school):
    plant(school, creators=9, videos=60, events=900)
    broken = school.row("""select creator_id, id as video from public.videos v where not is_deleted
        order by id limit 1""")
    put(school, {"id": broken["video"], "creator_id": broken["creator_id"]}, "video_completed", before(days=1))
    school.rows("""update public.video_analytics_events set metadata = '{"watch_time_seconds": 1e400}'
        where creator_id = %s and event_type = 'video_completed' and created_at = %s""", broken["creator_id"], before(days=1))
    done = refresh(school)
    assert (done["processed"], done["entries"]) == (9, 32)
    assert len(done["errors"]) == 1 and done["errors"][0].startswith(f"{broken['creator_id']}: ")
    assert school.value("select count(*) from public.analytics_cache where creator_id = %s", broken["creator_id"]) == 0


def test_what_is_newer_is_not_replaced(school):
    video = school.make_video("youtube")
    put(school, video, "video_started", before(days=1))
    assert refresh(school)["entries"] == 4
    assert refresh(school, before(hours=1))["entries"] == 0
    assert refresh(school, NOW)["entries"] == 4
    assert school.value("select max(computed_at) from public.analytics_cache") == NOW


def test_a_leap_day_begins_on_the_29th_of_2020(school):
    at = datetime.datetime(2028, 2, 29, 12, 0, tzinfo=reference.UTC)
    school.make_creator()
    refresh(school, at)
    expect_as_the_reference(school, at)


# ---- the function ----

def aggregate(chronos, data, status="completed"):
    return chronos.wait_for_run(chronos.send_event("analytics/aggregate.requested", data), AGGREGATE, status, 60)


def test_all_creators_or_one(running):
    plant(running, creators=205, videos=300, events=600)
    run = aggregate(running, {})
    assert run["output"] == {"success": True, "creators_processed": 205, "cache_entries_updated": 820,
                             "creators_failed": 0, "errors": []}
    assert sorted(s["step"] for s in running.steps_of(run)) == [
        "aggregate-batch-0", "aggregate-batch-1", "aggregate-batch-2", "list-batches", "summarise"]
    at = running.row("select distinct computed_at from public.analytics_cache")["computed_at"]
    creator = running.value("select min(id::text) from public.creators")
    assert aggregate(running, {"creator_id": creator})["output"]["cache_entries_updated"] == 4
    assert running.value("select count(*) from public.analytics_cache where computed_at > %s", at) == 4


@contextlib.contextmanager
def held(chronos, creators):
    """Their rows, so that whoever computes their figures has to wait."""
    with contextlib.closing(psycopg2.connect(chronos.stack.database_url)) as other, other.cursor() as c:
        c.execute("select from public.creators where id = any(%s::uuid[]) for update", ([str(i) for i in creators],))
        yield


def done_batches(chronos):
    """Of the only run."""
    return {r["step"] for r in chronos.rows("select step from chronos.step_ledger where step like 'aggregate-batch-%%'")}


def ids_in_order(chronos):
    return [r["id"] for r in chronos.rows("select id from public.creators order by id")]


def test_batches_do_not_wait_for_each_other(running):
    """The second one, which is small, ends while the first waits for a row that is held (a statement of the worker's waits ten
    seconds at most)."""
    plant(running, creators=103, videos=100, events=300)
    ids = ids_in_order(running)
    with held(running, ids[:1]):
        entry = running.send_event("analytics/aggregate.requested", {})
        running.wait_until(lambda: done_batches(running), 60, "the second batch")
        assert done_batches(running) == {"aggregate-batch-1"}
        assert {r["creator_id"] for r in running.rows("select creator_id from public.analytics_cache")} == set(ids[100:])
    assert running.wait_for_run(entry, AGGREGATE, "completed", 60)["output"]["creators_processed"] == 103


def test_a_creator_that_comes_after_the_list_was_made_is_not_left_out(running):
    """Four batches at a time wait for rows that are held, and the other two are of creators that come and go meanwhile."""
    plant(running, creators=600, videos=300, events=600)
    ids = ids_in_order(running)
    late = [str(uuid.UUID(int=uuid.UUID(str(ids[550])).int + 1)), "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    with held(running, ids[0:400:100]):
        entry = running.send_event("analytics/aggregate.requested", {})
        running.wait_until(lambda: running.value("select count(*) from pg_stat_activity where datname = current_database()"
                                                 " and wait_event_type = 'Lock'") == 4, 60, "four batches to wait")
        for creator in late:
            running.make_creator(id=creator)
        running.rows("delete from public.creators where id = %s", ids[500])
        assert done_batches(running) == set()
    assert running.wait_for_run(entry, AGGREGATE, "completed", 60)["output"]["creators_processed"] == 601
    assert {str(r["creator_id"]) for r in running.rows("select distinct creator_id from public.analytics_cache")} == \
        {str(i) for i in [*ids, *late] if i != ids[500]}


def test_of_very_many_creators_there_are_more_in_a_batch(school):
    """The list of batches has a length that a step's result may have."""
    plant(school, creators=30, videos=30, events=0, students=0)
    with open(os.path.join(repository(), "sql", "queries", "analytics.sql"), encoding="utf-8") as f:
        query = f.read().partition("-- name: list_creator_batches :one\n")[2].partition("\n\n-- name")[0]
    ids = [str(i) for i in ids_in_order(school)]

    def ends(creator, least, most):
        with school.db.cursor() as c:
            c.execute("prepare batches as " + query)
            c.execute("execute batches(%s, %s, %s)", (creator, str(least), str(most)))
            count, found = c.fetchone()
            c.execute("deallocate batches")
        return count, json.loads(found)

    assert ends(None, 10, 2000) == (30, [ids[9], ids[19]])
    assert ends(None, 11, 2000) == (30, [ids[10], ids[21]])
    assert ends(None, 1, 4) == (30, [ids[7], ids[15], ids[23]])
    assert ends(None, 30, 1) == ends(None, 40, 1) == (30, [])
    assert ends(ids[4], 10, 2000) == (1, [])
    assert ends(str(uuid.uuid4()), 10, 2000) == (0, [])


def test_a_run_that_began_in_the_version_before_is_ended_by_this_one(running):
    """Its rows had other names. What it has done is done again, and all creators are there."""
    plant(running, creators=205, videos=300, events=600)
    running.wait_until(lambda: running.rows("select id from chronos.functions where id = %s", AGGREGATE), 20,
                       "the function to be known")
    running.daemon("worker-1").stop()
    entry = running.send_event("analytics/aggregate.requested", {})
    run = running.wait_until(lambda: running.redis.keys("*:run:*"), 20, "the run")[0]
    run = run.decode() if isinstance(run, bytes) else run
    running.redis.hset(run, "begun", "1")
    running.redis.hset(run.replace(":run:", ":steps:"), mapping={
        "fetch-creators": json.dumps({"at": 1767225600000, "creators": 205}),
        "aggregate-creators-0": json.dumps({"creators": 100, "entries": 400, "errors": ["one"]}),
        "cursor:aggregate-creators-1": json.dumps("40000000-0000-0000-0000-000000000000")})
    running.daemon("worker-1").start()
    assert running.wait_for_run(entry, AGGREGATE, "completed", 60)["output"] == {
        "success": True, "creators_processed": 205, "cache_entries_updated": 820, "creators_failed": 0, "errors": []}


def test_no_creators_is_no_fault(running):
    assert aggregate(running, {})["output"] == {"success": True, "creators_processed": 0, "cache_entries_updated": 0,
                                                "creators_failed": 0, "errors": []}


def test_an_operator_can_ask_for_the_scheduled_run(running):
    running.make_creator()
    running.wait_until(lambda: running.rows("select id from chronos.functions where id = %s", AGGREGATE), 20,
                       "the function to be known")
    running.rows("select chronos.trigger('aggregate-analytics')")
    assert running.wait_for_function(AGGREGATE, deadline=30)[0]["output"]["creators_processed"] == 1


def test_a_creator_that_fails_is_named_in_the_result(running):
    video = running.make_video("youtube")
    other = running.make_creator()
    running.rows("""insert into public.video_analytics_events (event_type, video_id, creator_id, metadata)
        values ('video_completed', %s, %s, '{"watch_time_seconds": 1e400}')""", video["id"], video["creator_id"])
    output = aggregate(running, {})["output"]
    assert (output["creators_processed"], output["cache_entries_updated"], output["creators_failed"]) == (2, 4, 1)
    assert output["errors"][0].startswith(str(video["creator_id"]))
    assert output["success"] is True
    assert str(running.value("select distinct creator_id from public.analytics_cache")) == other


def test_no_success_when_all_creators_fail(running):
    video = running.make_video("youtube")
    running.rows("""insert into public.video_analytics_events (event_type, video_id, creator_id, metadata)
        values ('video_completed', %s, %s, '{"watch_time_seconds": 1e400}')""", video["id"], video["creator_id"])
    output = aggregate(running, {})["output"]
    assert (output["success"], output["creators_processed"], output["cache_entries_updated"], output["creators_failed"]) == (False, 1, 0, 1)
    assert len(output["errors"]) == 1 and running.value("select count(*) from public.analytics_cache") == 0


@pytest.mark.parametrize("value, says", [("nobody", 'creatorId "nobody" is not a UUID: take the id of a row of public.creators'),
                                         (7, "creatorId 7 is not a UUID"),
                                         ("'; drop table creators; --", "creatorId \"'; drop table creators; --\" is not a UUID"),
                                         ("0b54cc37-2b2e-4d0c-8b3e-2f3f61d7c001", "there is no creator 0b54cc37")])
def test_a_wrong_creator_is_named(running, value, says):
    running.make_creator()
    run = aggregate(running, {"creatorId": value}, "failed")
    assert says in run["error_message"]
    assert [s["attempt"] for s in running.steps_of(run)] == [1]
    assert running.value("select count(*) from public.analytics_cache") == 0
