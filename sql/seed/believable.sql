-- Believable data of any size: creators, their students, videos, courses, and what was watched.
--
-- Defines pg_temp.seed_believable; the caller runs this file and then calls it on the same connection. Everything follows
-- from its arguments: the same arguments give the same rows, ids and times included, on every machine. Random numbers are
-- hashes of (row number, seed, purpose), so a row does not depend on how many there are of another kind before it.
--
-- What makes it believable:
-- - a few creators have most of the videos and of the views, a few videos of each most of its views (Zipf, exponent 1:
--   rank = floor(exp(u * ln(n + 1)))); some creators have no video at all
-- - watching comes in sessions of three events: started, progress, and mostly completed; one in ten without a student
-- - more of it lately than long ago, never before the video was there, in the evening rather than at night, and on
--   weekends less than half as much
-- - one video in twenty was deleted; of some uploads the size is not known; transcripts failed now and then
--
-- Existing rows are left alone. Rows of the same arguments are there once, however often it is called.

create or replace function pg_temp.uniform(n bigint, seed bigint, purpose integer) returns double precision
language sql immutable strict parallel safe
as $fn$ select ((hashint8extended(n, seed * 1000003 + purpose) >> 12) & 4503599627370495) / 4503599627370496.0::double precision $fn$;

-- A rank from 1 to n, the first ones most often.
create or replace function pg_temp.zipf(u double precision, n bigint) returns integer
language sql immutable strict parallel safe
as $fn$ select least(n, floor(exp(u * ln(n + 1)))::bigint)::integer $fn$;

create or replace function pg_temp.seed_id(kind text, seed bigint, n bigint) returns uuid
language sql immutable strict parallel safe
as $fn$ select md5(kind || ' ' || seed || ' ' || n)::uuid $fn$;

-- `events` is the number of watch events; the videos' own (transcribed) come on top. `until` is the present: nothing is
-- younger.
create or replace function pg_temp.seed_believable(
    seed bigint, creators integer, videos integer, students integer, events bigint, until timestamptz)
returns void
language plpgsql as $fn$
declare
    -- how much of a day's watching is over at the end of each hour, UTC
    hours constant double precision[] := '{.02,.03,.035,.04,.045,.055,.075,.105,.14,.18,.22,.26,.305,.35,.395,.44,.49,.55,
        .625,.715,.805,.885,.945}';
begin
    if creators < 1 or videos < 0 or students < 0 or events < 0 then
        raise exception 'at least one creator, and no negative number of videos, students or events';
    end if;
    if events > 0 and videos = 0 then
        raise exception 'events need videos: what was watched otherwise?';
    end if;

    insert into public.creators (id, whop_company_id, whop_user_id, email, name, subscription_tier, created_at)
    select pg_temp.seed_id('creator', seed, n), 'biz_seed_' || seed || '_' || n, 'user_seed_' || seed || '_' || n,
           'creator' || n || '@example.com', 'Creator ' || n, (array['enterprise', 'pro', 'basic'])[1 + (n > 3)::int + (n > 20)::int],
           until - interval '1 day' * (400 + 600 * pg_temp.uniform(n, seed, 1))
    from generate_series(1, creators) n
    on conflict do nothing;

    insert into public.students (id, whop_user_id, whop_membership_id, creator_id, email, name, created_at)
    select pg_temp.seed_id('student', seed, n), 'student_seed_' || seed || '_' || n, 'mem_seed_' || seed || '_' || n,
           pg_temp.seed_id('creator', seed, pg_temp.zipf(pg_temp.uniform(n, seed, 2), creators)),
           'student' || n || '@example.com', 'Student ' || n, until - interval '1 day' * 400 * pg_temp.uniform(n, seed, 3)
    from generate_series(1, students) n
    on conflict do nothing;

    insert into public.videos (
        id, creator_id, title, url, storage_path, thumbnail_url, duration_seconds, status, processing_completed_at,
        file_size_bytes, created_at, is_deleted, source_type, youtube_video_id, mux_playback_id, embed_type, embed_id)
    select pg_temp.seed_id('video', seed, n), v.creator_id,
           (array['Introduction', 'First steps', 'A closer look', 'Common mistakes', 'Practice', 'Questions and answers'])[1 + n % 6]
               || ', part ' || n,
           case v.source when 'youtube' then 'https://www.youtube.com/watch?v=' || left(md5(seed || ' y ' || n), 11) end,
           case v.source when 'upload' then v.creator_id || '/' || n || '.mp4' end,
           case when n % 4 > 0 then 'https://example.com/thumbnails/' || n || '.jpg' end,
           case when n % 31 > 0 then (120 + 3480 * power(pg_temp.uniform(n, seed, 5), 2))::integer end,
           'completed', v.created_at + interval '4 minutes',
           case when v.source = 'upload' and n % 17 > 0 then (2e7 + 4e9 * power(pg_temp.uniform(n, seed, 6), 3))::bigint end,
           v.created_at, pg_temp.uniform(n, seed, 7) < 0.05, v.source,
           case v.source when 'youtube' then left(md5(seed || ' y ' || n), 11) end,
           case v.source when 'mux' then md5(seed || ' m ' || n) end,
           case v.source when 'loom' then 'loom' end,
           case v.source when 'loom' then md5(seed || ' l ' || n) end
    from generate_series(1, videos) n
    cross join lateral (
        select pg_temp.seed_id('creator', seed, pg_temp.zipf(pg_temp.uniform(n, seed, 8), creators)) as creator_id,
               (array['youtube', 'upload', 'mux', 'upload', 'loom', 'youtube', 'upload'])[
                   1 + floor(7 * pg_temp.uniform(n, seed, 9))::integer] as source,
               date_trunc('milliseconds', until - interval '1 day' * 400 * pg_temp.uniform(n, seed, 10)) as created_at
    ) v
    on conflict do nothing;

    -- who has what, with ranks: the events pick by them
    create temp table seed_owner on commit drop as
    select row_number() over (order by min(n)) as rank, o.id, count(v.id) as videos,
           (select count(*) from public.students x where x.creator_id = o.id) as students
    from (select n, pg_temp.seed_id('creator', seed, n) as id from generate_series(1, creators) n) o
    join public.videos v on v.creator_id = o.id
    group by o.id;

    create temp table seed_video on commit drop as
    select o.id as creator_id, row_number() over (partition by o.id order by v.id) as rank, v.id,
           v.created_at, coalesce(v.duration_seconds, 600) as duration
    from seed_owner o
    join public.videos v on v.creator_id = o.id;

    create temp table seed_student on commit drop as
    select o.id as creator_id, row_number() over (partition by o.id order by s.id) as rank, s.id
    from seed_owner o
    join public.students s on s.creator_id = o.id;

    analyze seed_owner, seed_video, seed_student;

    -- a course for every creator with videos, in modules of five lessons
    insert into public.courses (id, creator_id, title, is_published, display_order, created_at)
    select md5('course ' || o.id)::uuid, o.id, 'The whole course', true, 1, until - interval '300 days'
    from seed_owner o
    on conflict do nothing;

    create temp table seed_module on commit drop as
    select md5('module ' || v.creator_id || ' ' || (v.rank - 1) / 5)::uuid as id, md5('course ' || v.creator_id)::uuid as course_id,
           ((v.rank - 1) / 5)::integer as number, array_agg(v.id order by v.rank) as video_ids
    from seed_video v
    join public.videos x on x.id = v.id and not x.is_deleted
    group by v.creator_id, (v.rank - 1) / 5;

    insert into public.course_modules (id, course_id, title, video_ids, display_order)
    select m.id, m.course_id, 'Module ' || m.number + 1, m.video_ids, m.number + 1
    from seed_module m
    on conflict do nothing;

    insert into public.module_lessons (id, module_id, video_id, lesson_order, title)
    select md5('lesson ' || m.id || ' ' || u.n)::uuid, m.id, u.id, u.n, 'Lesson ' || u.n
    from seed_module m
    cross join lateral unnest(m.video_ids) with ordinality as u (id, n)
    on conflict do nothing;

    insert into public.video_analytics_events (id, event_type, video_id, creator_id, metadata, "timestamp", created_at)
    select md5('transcribed ' || v.id)::uuid, 'video_transcribed', v.id, v.creator_id,
           case when get_byte(decode(md5(v.id::text), 'hex'), 0) < 8
               then jsonb_build_object('source_type', v.source_type, 'error', 'no captions', 'failed', true)
               else jsonb_build_object(
                   'source_type', v.source_type,
                   'transcript_method', case v.source_type when 'upload' then 'whisper' when 'mux' then 'mux_auto'
                                            else v.source_type || '_api' end,
                   'cost_usd', case v.source_type when 'upload' then round(coalesce(v.duration_seconds, 600) / 60.0 * 0.006, 4)
                                   else 0 end)
           end,
           v.created_at + interval '4 minutes', v.created_at + interval '4 minutes'
    from seed_video x
    join public.videos v on v.id = x.id
    where v.created_at + interval '4 minutes' <= until
    on conflict do nothing;

    insert into public.video_analytics_events (
        id, event_type, video_id, creator_id, student_id, metadata, "timestamp", created_at)
    select pg_temp.seed_id('event', seed, e.n), e.type, e.video_id, e.creator_id, e.student_id,
           case e.type
               when 'video_completed' then jsonb_build_object('watch_time_seconds', (e.duration * (0.9 + 0.1 * e.u))::integer)
               when 'video_progress' then jsonb_build_object('percent_complete', 10 * floor(1 + 9 * e.u))
               else '{}'
           end,
           e.at, e.at
    from (
        select t.n, t.u, w.creator_id, w.video_id, w.duration, w.student_id,
               case t.n % 3 when 0 then 'video_started' when 1 then 'video_progress'
                   else case when t.u < 0.62 then 'video_completed' when t.u < 0.7 then 'video_rewatched'
                       else 'video_progress' end end as type,
               date_trunc('milliseconds', least(until, w.at + t.n % 3 * make_interval(secs => w.duration * 0.45))) as at
        from (
            select d.s, d.creator_id, d.video_id, d.duration, d.student_id,
                   greatest(d.created_at,
                            -- a quiet weekend: most of it was watched on one of the five days before
                            (d.day - case when extract(isodow from d.day) > 5 and pg_temp.uniform(d.s, seed, 16) < 0.6
                                 then interval '1 day' * (extract(isodow from d.day) - 5 + floor(5 * pg_temp.uniform(d.s, seed, 20)))
                                 else interval '0' end) at time zone 'UTC') as at
            from (
                select c.s, c.creator_id, v.id as video_id, v.duration, v.created_at, x.id as student_id,
                       date_trunc('day', (until - (until - v.created_at) * power(pg_temp.uniform(c.s, seed, 17), 1.3))
                                             at time zone 'UTC')
                       + interval '1 hour' * (width_bucket(pg_temp.uniform(c.s, seed, 18), hours)
                                              + pg_temp.uniform(c.s, seed, 19)) as day
                from (
                    -- a session: whose video, and who of that creator's students watches it
                    select s, o.id as creator_id, pg_temp.zipf(pg_temp.uniform(s, seed, 13), o.videos) as video,
                           case when o.students > 0 and pg_temp.uniform(s, seed, 14) >= 0.1
                               then pg_temp.zipf(pg_temp.uniform(s, seed, 15), o.students) end as student
                    from generate_series(0, (events - 1) / 3) s
                    join seed_owner o
                        on o.rank = pg_temp.zipf(pg_temp.uniform(s, seed, 12), (select count(*) from seed_owner))
                    offset 0
                ) c
                join seed_video v on v.creator_id = c.creator_id and v.rank = c.video
                left join seed_student x on x.creator_id = c.creator_id and x.rank = c.student
            ) d
        ) w
        cross join lateral (
            select n, pg_temp.uniform(n, seed, 11) as u
            from generate_series(3 * w.s, least(3 * w.s + 2, events - 1)) n
        ) t
    ) e
    on conflict do nothing;

    drop table seed_owner, seed_video, seed_student, seed_module;
end
$fn$;
