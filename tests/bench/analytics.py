"""The dashboards' figures: all creators at once beside one query after the other, and the cache beside the live figures.

All at once is what the product does: a run of aggregate-analytics by the daemons, for the moment at which it begins, as long
as chronos.runs says that it took from its event to its end. So the watching ends with the present.

The naive way is what an application does that has no set-based statement: for each creator and each of the four ranges
the eight queries one by one, each as plain SQL over the same tables and indexes, then the write of the row. Days, ranks and
JSON are made in SQL as well, so neither way is charged with work in Python. Its ranges are those of the run."""

import contextlib
import statistics
import time

import psycopg2
import psycopg2.extras

from ops.stack import seed, wait_until

from .resp import xadd

CREATORS, EVENTS = 1000, 1000000
BATCH = 100
SAMPLE = 100  # creators whose dashboard is read: every tenth, by their number of events
DEADLINE_S = 300

VIDEOS = "select * from public.videos where creator_id = %(c)s and not is_deleted"
COUNTED = """select v.*, count(e.id) filter (where e.event_type = 'video_started') as starts,
        count(e.id) filter (where e.event_type = 'video_completed') as ends,
        avg((e.metadata ->> 'watch_time_seconds')::float8) filter (where e.event_type = 'video_completed') as watched
    from ({videos}) v left join public.video_analytics_events e on e.video_id = v.id and e.creator_id = %(c)s
        and e.created_at between %(s)s and %(e)s and e.event_type in ('video_started', 'video_completed')
    group by v.id, v.title, v.thumbnail_url, v.duration_seconds, v.source_type""".replace(
        "{videos}", VIDEOS.replace("*", "id, title, thumbnail_url, duration_seconds, source_type"))
DAYS = "generate_series(%(s)s::timestamptz, %(e)s, interval '24 hours') d"
EVENTS_OF = "public.video_analytics_events e where e.creator_id = %(c)s and e.created_at between %(s)s and %(e)s"
METRICS = f"""select jsonb_build_object(
    'total_views', (select count(*) from {EVENTS_OF} and e.event_type = 'video_started'),
    'total_watch_time_seconds', (select coalesce(sum((e.metadata ->> 'watch_time_seconds')::float8), 0)
                                 from {EVENTS_OF} and e.event_type = 'video_completed'),
    'total_videos', (select count(*) from ({VIDEOS}) v),
    'avg_completion_rate', (select coalesce(avg(case when starts > 0 then ends::float8 / starts * 100 else 0 end), 0)
                            from ({COUNTED}) x))"""
# as metrics, previous metrics, and the other six
QUERIES = (
    METRICS, METRICS,
    f"""select jsonb_agg(jsonb_build_object('date', to_char(d at time zone 'UTC', 'YYYY-MM-DD'), 'views', coalesce(n, 0)) order by d)
        from {DAYS} left join (select (e.created_at at time zone 'UTC')::date as day, count(*) as n from {EVENTS_OF}
            and e.event_type = 'video_started' group by 1) x on x.day = (d at time zone 'UTC')::date""",
    f"""select jsonb_agg(jsonb_build_object('video_id', id, 'title', title, 'completion_rate', ends::float8 / starts * 100,
            'views', starts)) from (select * from ({COUNTED}) x where starts > 0 order by ends::float8 / starts desc limit 10) y""",
    f"""select jsonb_agg(jsonb_build_object('method', m, 'total_cost', c, 'video_count', n)) from (
            select coalesce(e.metadata ->> 'transcript_method', 'unknown') as m, count(*) as n,
                   sum((e.metadata ->> 'cost_usd')::float8) as c
            from {EVENTS_OF} and e.event_type = 'video_transcribed' and not e.metadata ? 'failed' group by 1) x""",
    f"""select jsonb_agg(jsonb_build_object('date', to_char(d at time zone 'UTC', 'YYYY-MM-DD'), 'storage_gb', gb,
            'cumulative_gb', total) order by d)
        from (select d, coalesce(gb, 0) as gb, sum(coalesce(gb, 0)) over (order by d) as total from {DAYS}
            left join (select (created_at at time zone 'UTC')::date as day, sum(file_size_bytes) / 2 ^ 30 as gb from ({VIDEOS}) v
                where source_type = 'upload' and created_at between %(s)s and %(e)s group by 1) x
            on x.day = (d at time zone 'UTC')::date) y""",
    f"""select jsonb_build_object(
        'active_learners', (select count(distinct student_id) from {EVENTS_OF} and e.event_type = 'video_started'),
        'avg_videos_per_student', (select avg(n) from (select count(distinct video_id) as n from {EVENTS_OF}
            and e.event_type = 'video_started' and student_id is not null group by student_id) x),
        'peak_hours', (select jsonb_agg(x) from (select extract(hour from e.created_at), extract(dow from e.created_at), count(*)
            from {EVENTS_OF} and e.event_type = 'video_started' group by 1, 2) x))""",
    f"""select jsonb_agg(jsonb_build_object('id', id, 'title', title, 'thumbnail_url', thumbnail_url, 'duration_seconds',
            duration_seconds, 'source_type', source_type, 'views', starts, 'avg_watch_time_seconds', watched,
            'completion_rate', ends::float8 / starts * 100))
        from (select * from ({COUNTED}) x where starts > 0 order by starts desc limit 20) y""",
)
NAMES = ("metrics", "previous", "views_over_time", "completion_rates", "cost_breakdown", "storage_usage",
         "student_engagement", "top_videos")


def one_by_one(cursor, creator, ranges):
    for name, start, end in ranges:
        figures = {}
        for key, query in zip(NAMES, QUERIES):
            bounds = (start - (end - start), start) if key == "previous" else (start, end)
            cursor.execute(query, {"c": creator, "s": bounds[0], "e": bounds[1]})
            figures[key] = cursor.fetchone()[0]
        figures["metrics"]["trends"] = figures.pop("previous")
        cursor.execute("""insert into public.analytics_cache (creator_id, date_range, data) values (%s, %s, %s)
            on conflict (creator_id, date_range) do update set data = excluded.data""",
                       (creator, name, psycopg2.extras.Json(figures)))


def at_once(bench, cursor, creators):
    """Seconds of the run, and the moment for which it computed the figures."""
    bench.forget_history()
    bench.start_daemons(wait=True)
    try:
        bench.send([xadd("analytics/aggregate.requested", "{}")])
        runs = []

        def ended():
            cursor.execute("""select r.status, r.output, extract(epoch from r.finished_at - r.queued_at)::float8
                from chronos.runs r join chronos.events e on e.id = r.event_id where e.name = 'analytics/aggregate.requested'""")
            runs[:] = cursor.fetchall()
            return runs

        wait_until(ended, DEADLINE_S, "the aggregation to end", logs=bench.stack.logs(), interval=0.1)
    finally:
        bench.stop_daemons()
    status, output, took = runs[0]
    if status != "completed" or output["creators_processed"] != creators or output["errors"]:
        raise RuntimeError(f"the aggregation of the benchmark's own data {status}: {output}")
    cursor.execute("select distinct computed_at from public.analytics_cache")
    return took, cursor.fetchone()[0]


def one_connection(cursor, creators, at):
    for i in range(0, len(creators), BATCH):
        cursor.execute("select errors from chronos.refresh_analytics(%s::uuid[], %s)", (creators[i:i + BATCH], at))
        if cursor.fetchone()[0]:
            raise RuntimeError("the aggregation of the benchmark's own data failed")


def seconds(work, *arguments):
    begin = time.monotonic()
    work(*arguments)
    return time.monotonic() - begin


def read_cache(cursor, creator):
    cursor.execute("select data from public.analytics_cache where creator_id = %s and date_range = 'last_30_days'", (creator,))
    cursor.fetchone()


def read_live(cursor, creator, span):
    cursor.execute("""select data from chronos.compute_analytics(array[%s::uuid], array[%s], array[%s::timestamptz],
        array[%s::timestamptz])""", (creator, *span))
    cursor.fetchone()


def measure(bench):
    """Figures by name. Leaves the rows where they are."""
    with contextlib.closing(psycopg2.connect(bench.stack.database_url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        seeding = seconds(cursor.execute, seed.statement(CREATORS, EVENTS))
        cursor.execute("vacuum analyze public.video_analytics_events")
        cursor.execute("select c.id::text from public.creators c left join public.video_analytics_events e on e.creator_id = c.id"
                       " group by c.id order by count(*) desc, c.id")
        creators = [row[0] for row in cursor.fetchall()]
        sample = creators[::len(creators) // SAMPLE]
        together, at = at_once(bench, cursor, len(creators))
        cursor.execute("select * from chronos.analytics_ranges(%s)", (at,))
        ranges = cursor.fetchall()
        naive = seconds(lambda: [one_by_one(cursor, c, ranges) for c in creators])
        alone = seconds(one_connection, cursor, sorted(creators), at)  # and the cache is as in life
        span = next(r for r in ranges if r[0] == "last_30_days")
        cached = statistics.median(seconds(read_cache, cursor, c) for c in sample)
        live = statistics.median(seconds(read_live, cursor, c, span) for c in sample)
    return {"seed_s": round(seeding, 1), "at_once_s": round(together, 2), "at_once_one_connection_s": round(alone, 2),
            "one_by_one_s": round(naive, 1), "ratio": round(naive / together, 1), "cached_ms": round(cached * 1000, 2),
            "live_ms": round(live * 1000, 2), "live_to_cached": round(live / cached, 1)}
