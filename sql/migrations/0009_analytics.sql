-- The analytics of creators, computed for many at once.
-- breaking: no
--
-- Why: the dashboard's figures are eight queries for each of four ranges of time. One by one that is 32 statements per
-- creator, most of which read the same events again. Here each query is one common table expression over all creators
-- and all ranges of a call, and the events are read once: they are counted into the segments of time between any two
-- bounds of the ranges, and a range is a sum of segments.
--
-- Locks: nothing that exists.

-- The four ranges that are cached, as they are at a moment.
create function chronos.analytics_ranges(at timestamptz)
returns table (date_range text, starts timestamptz, ends timestamptz)
language sql immutable strict parallel safe
as $fn$
    select r.date_range, r.starts, date_trunc('milliseconds', at)
    from (values
        ('last_7_days', date_trunc('milliseconds', at) - interval '168 hours'),
        ('last_30_days', date_trunc('milliseconds', at) - interval '720 hours'),
        ('last_90_days', date_trunc('milliseconds', at) - interval '2160 hours'),
        -- the same month, day and time in 2020, which has a 29th of February
        ('all_time', (date_trunc('milliseconds', at) at time zone 'UTC'
                      - make_interval(years => extract(year from at at time zone 'UTC')::integer - 2020)) at time zone 'UTC')
    ) as r (date_range, starts)
$fn$;

-- The change of a figure in whole percent, halves up as in JavaScript.
create function chronos.analytics_trend(now double precision, before double precision) returns double precision
language sql immutable strict parallel safe
as $fn$
    select case when before = 0 then case when now > 0 then 100 else 0 end
               else floor((now - before) / before * 100 + 0.5) end::double precision
$fn$;

-- A number of an event's metadata, exactly; 0 for whatever is no number.
create function chronos.metadata_number(value jsonb) returns numeric
language sql immutable parallel safe
as $fn$ select case jsonb_typeof(value) when 'number' then value::numeric else 0 end $fn$;

-- The dashboard's JSON of each of these creators for each of these ranges (ends are included, to the microsecond). Creators
-- that do not exist are left out. A range of n days is compared with the n days before it.
--
-- An event counts for the creator that it names. The figures of single videos count what was said of that creator's own
-- videos: anybody may write an event, and another's says nothing about them.
create function chronos.compute_analytics(
    creators uuid[], ranges text[], range_starts timestamptz[], range_ends timestamptz[])
returns table (creator_id uuid, date_range text, data jsonb)
language sql stable
as $fn$
    with span as (
        select r.name, r.starts, r.ends,
               r.starts - interval '24 hours' * ceil(extract(epoch from r.ends - r.starts) / 86400)::double precision
                   as previous_starts
        from unnest(ranges, range_starts, range_ends) as r (name, starts, ends)
    ),
    -- Times are whole microseconds, so what follows a bound begins one microsecond after it.
    bound as materialized (
        select array_agg(distinct b order by b) as list
        from span s
        cross join lateral (values (s.starts), (s.ends + interval '1 microsecond'),
                                   (s.previous_starts), (s.starts + interval '1 microsecond')) as x (b)
    ),
    -- The segments of each range, and those of the range before: number n begins with the n-th bound.
    part as materialized (
        select s.name, n as segment,
               s.starts <= bound.list[n] and bound.list[n] <= s.ends as is_now,
               s.previous_starts <= bound.list[n] and bound.list[n] <= s.starts as is_before
        from span s
        cross join bound
        cross join lateral generate_series(1, cardinality(bound.list)) n
        where bound.list[n] between s.previous_starts and s.ends
    ),
    creator as materialized (
        select c.id from public.creators c where c.id = any (creators)
    ),
    video as materialized (
        select v.id, v.creator_id, v.title, v.thumbnail_url, v.duration_seconds, v.source_type, v.file_size_bytes, v.created_at
        from public.videos v
        where v.creator_id = any (creators)
            and not v.is_deleted
    ),
    started as materialized (
        select e.creator_id, e.video_id, e.student_id, e.created_at, width_bucket(e.created_at, bound.list) as segment
        from bound
        join public.video_analytics_events e
            on e.created_at >= bound.list[1] and e.created_at < bound.list[cardinality(bound.list)]
        where e.creator_id = any (creators)
            and e.event_type = 'video_started'
    ),
    outcome as materialized (
        select e.creator_id, e.video_id, e.event_type, e.metadata, e.created_at,
               width_bucket(e.created_at, bound.list) as segment
        from bound
        join public.video_analytics_events e
            on e.created_at >= bound.list[1] and e.created_at < bound.list[cardinality(bound.list)]
        where e.creator_id = any (creators)
            and e.event_type in ('video_completed', 'video_transcribed')
    ),
    -- what happened to each video in each range and in the one before
    per_video as materialized (
        select x.creator_id, p.name, x.video_id,
               coalesce(sum(x.starts) filter (where p.is_now), 0) as starts,
               coalesce(sum(x.completions) filter (where p.is_now), 0) as completions,
               coalesce(sum(x.watched) filter (where p.is_now), 0) as watched,
               coalesce(sum(x.starts) filter (where p.is_before), 0) as starts_before,
               coalesce(sum(x.completions) filter (where p.is_before), 0) as completions_before,
               coalesce(sum(x.watched) filter (where p.is_before), 0) as watched_before
        from (
            select s.creator_id, s.video_id, s.segment, count(*) as starts, 0 as completions, 0 as watched
            from started s
            group by s.creator_id, s.video_id, s.segment
            union all
            select o.creator_id, o.video_id, o.segment, 0, count(*),
                   sum(chronos.metadata_number(o.metadata -> 'watch_time_seconds'))
            from outcome o
            where o.event_type = 'video_completed'
            group by o.creator_id, o.video_id, o.segment
        ) x
        join part p on p.segment = x.segment
        group by x.creator_id, p.name, x.video_id
    ),
    -- queries 1 and 2: the figures of the range and of the one before; a video that nobody started has the rate 0
    totals as (
        select t.creator_id, t.name, sum(t.starts) as views, sum(t.watched) as watched,
               sum(t.starts_before) as views_before, sum(t.watched_before) as watched_before
        from per_video t
        group by t.creator_id, t.name
    ),
    rates as (
        select v.creator_id, t.name,
               sum(case when t.starts > 0 then t.completions::double precision / t.starts::double precision * 100 end
                   order by v.id) as rates,
               sum(case when t.starts_before > 0
                       then t.completions_before::double precision / t.starts_before::double precision * 100 end
                   order by v.id) as rates_before
        from per_video t
        join video v on v.id = t.video_id and v.creator_id = t.creator_id
        group by v.creator_id, t.name
    ),
    videos as (
        select v.creator_id, count(*) as count from video v group by v.creator_id
    ),
    metrics as (
        select c.id as creator_id, s.name,
               coalesce(t.views, 0) as views, coalesce(t.watched, 0)::double precision as watched,
               coalesce(r.rates / n.count, 0) as rate, coalesce(n.count, 0) as videos,
               coalesce(t.views_before, 0) as views_before,
               coalesce(t.watched_before, 0)::double precision as watched_before,
               coalesce(r.rates_before / n.count, 0) as rate_before
        from creator c
        cross join span s
        left join totals t on t.creator_id = c.id and t.name = s.name
        left join rates r on r.creator_id = c.id and r.name = s.name
        left join videos n on n.creator_id = c.id
    ),
    -- The days of each range: from its start in steps of 24 hours. Nearly all days of all time have nothing to tell, so the
    -- entries of such days are written once, all of one length, and copied from there in runs: that is most of the work saved.
    day as materialized (
        select s.name, n, (t at time zone 'UTC')::date as day, to_char(t at time zone 'UTC', 'YYYY-MM-DD') as text
        from span s
        cross join lateral generate_series(s.starts, s.ends, interval '24 hours') with ordinality x (t, n)
    ),
    blank as materialized (
        select d.name, count(*) as days,
               convert_to(string_agg('{"date":"' || d.text || '","views":0},', '' order by d.n), 'UTF8') as views,
               convert_to(string_agg('{"date":"' || d.text || '","storage_gb":0,"cumulative_gb":@},', '' order by d.n),
                          'UTF8') as storage
        from day d
        group by d.name
    ),
    -- ends each list: behind the last day
    behind as (
        select c.id as creator_id, b.name, b.days + 1 as n from creator c cross join blank b
    ),
    -- query 3
    views_per_day as (
        select x.creator_id, p.name, x.day, sum(x.views) as views
        from (
            select s.creator_id, s.segment, (s.created_at at time zone 'UTC')::date as day, count(*) as views
            from started s
            group by 1, 2, 3
        ) x
        join part p on p.segment = x.segment and p.is_now
        group by x.creator_id, p.name, x.day
    ),
    views_over_time as (
        select x.creator_id, x.name, ('[' || rtrim(string_agg(x.entries, '' order by x.n), ',') || ']')::jsonb as list
        from (
            select y.creator_id, y.name, y.n,
                   convert_from(substring(b.views from (y.last * (octet_length(b.views) / b.days))::integer + 1
                                          for ((y.n - y.last - 1) * (octet_length(b.views) / b.days))::integer), 'UTF8')
                       || coalesce('{"date":"' || y.text || '","views":' || y.views || '},', '') as entries
            from (
                select z.*, coalesce(lag(z.n) over (partition by z.creator_id, z.name order by z.n), 0) as last
                from (
                    select v.creator_id, v.name, d.n, d.text, v.views
                    from views_per_day v
                    join day d on d.name = v.name and d.day = v.day
                    union all
                    select e.creator_id, e.name, e.n, null, null from behind e
                ) z
            ) y
            join blank b on b.name = y.name
            offset 0 -- so that what is sorted is the entries and not what they are copied from
        ) x
        group by x.creator_id, x.name
    ),
    -- queries 4 and 8: the videos that were watched, best first
    watched as (
        select v.creator_id, t.name, v.id, v.title, v.thumbnail_url, v.duration_seconds, v.source_type, t.starts,
               t.completions::double precision / t.starts::double precision * 100 as rate,
               case when t.completions > 0 then (t.watched / t.completions)::double precision else 0 end as watch_time,
               row_number() over (partition by v.creator_id, t.name
                                  order by t.completions::double precision / t.starts::double precision desc,
                                           t.starts desc, v.id) as place_by_rate,
               row_number() over (partition by v.creator_id, t.name order by t.starts desc, v.id) as place_by_views
        from per_video t
        join video v on v.id = t.video_id and v.creator_id = t.creator_id
        where t.starts > 0
    ),
    completion_rates as (
        select w.creator_id, w.name,
               jsonb_agg(jsonb_build_object('video_id', w.id, 'title', w.title, 'completion_rate', w.rate, 'views', w.starts)
                         order by w.place_by_rate) as list
        from watched w
        where w.place_by_rate <= 10
        group by w.creator_id, w.name
    ),
    top_videos as (
        select w.creator_id, w.name,
               jsonb_agg(jsonb_build_object(
                             'id', w.id, 'title', w.title, 'thumbnail_url', w.thumbnail_url,
                             'duration_seconds', w.duration_seconds, 'source_type', w.source_type, 'views', w.starts,
                             'avg_watch_time_seconds', w.watch_time, 'completion_rate', w.rate)
                         order by w.place_by_views) as list
        from watched w
        where w.place_by_views <= 20
        group by w.creator_id, w.name
    ),
    -- query 5: what transcripts cost; a failure is none
    cost_breakdown as (
        select x.creator_id, x.name,
               jsonb_agg(jsonb_build_object('method', x.method, 'total_cost', x.cost::double precision, 'video_count', x.count)
                         order by x.first, x.method) as list
        from (
            select o.creator_id, p.name, coalesce(o.metadata ->> 'transcript_method', 'unknown') as method,
                   sum(chronos.metadata_number(coalesce(o.metadata -> 'cost_usd', o.metadata -> 'cost'))) as cost,
                   count(*) as count, min(o.created_at) as first
            from outcome o
            join part p on p.segment = o.segment and p.is_now
            where o.event_type = 'video_transcribed'
                and o.metadata -> 'failed' is distinct from 'true'
            group by 1, 2, 3
        ) x
        group by x.creator_id, x.name
    ),
    -- query 6: in bytes, which add up exactly
    bytes_per_day as (
        select v.creator_id, s.name, (v.created_at at time zone 'UTC')::date as day, sum(v.file_size_bytes) as bytes
        from video v
        join span s on v.created_at between s.starts and s.ends
        where v.source_type = 'upload'
            and v.file_size_bytes <> 0
        group by 1, 2, 3
    ),
    storage_usage as (
        select x.creator_id, x.name, ('[' || rtrim(string_agg(x.entries, '' order by x.n), ',') || ']')::jsonb as list
        from (
            select y.creator_id, y.name, y.n,
                   replace(convert_from(substring(b.storage from (y.last * (octet_length(b.storage) / b.days))::integer + 1
                                                  for ((y.n - y.last - 1) * (octet_length(b.storage) / b.days))::integer),
                                        'UTF8'),
                           '@', ((y.total - coalesce(y.bytes, 0))::double precision / 1073741824)::text)
                       || coalesce('{"date":"' || y.text || '","storage_gb":' || y.bytes::double precision / 1073741824
                                       || ',"cumulative_gb":' || y.total::double precision / 1073741824 || '},', '') as entries
            from (
                select z.*, coalesce(lag(z.n) over days, 0) as last, coalesce(sum(z.bytes) over days, 0) as total
                from (
                    select v.creator_id, v.name, d.n, d.text, v.bytes
                    from bytes_per_day v
                    join day d on d.name = v.name and d.day = v.day
                    union all
                    select e.creator_id, e.name, e.n, null, null from behind e
                ) z
                window days as (partition by z.creator_id, z.name order by z.n)
            ) y
            join blank b on b.name = y.name
            offset 0
        ) x
        group by x.creator_id, x.name
    ),
    -- query 7
    learners as (
        select x.creator_id, x.name, count(distinct x.student_id) as learners, count(*) as pairs
        from (
            select distinct y.creator_id, p.name, y.student_id, y.video_id
            from (
                select distinct s.creator_id, s.segment, s.student_id, s.video_id
                from started s
                where s.student_id is not null
            ) y
            join part p on p.segment = y.segment and p.is_now
        ) x
        group by x.creator_id, x.name
    ),
    peak_hours as (
        select x.creator_id, x.name,
               jsonb_agg(jsonb_build_object('hour', x.hour % 24, 'day_of_week', x.hour / 24, 'activity_count', x.count)
                         order by x.first, x.hour) as list
        from (
            select y.creator_id, p.name, y.hour, sum(y.count) as count, min(y.first) as first
            from (
                -- hours since a Sunday, 0 to 167
                select s.creator_id, s.segment,
                       (floor(extract(epoch from s.created_at) / 3600)::bigint + 96) % 168 as hour,
                       count(*) as count, min(s.created_at) as first
                from started s
                group by 1, 2, 3
            ) y
            join part p on p.segment = y.segment and p.is_now
            group by 1, 2, 3
        ) x
        group by x.creator_id, x.name
    )
    select m.creator_id, m.name, jsonb_build_object(
        'metrics', jsonb_build_object(
            'total_views', m.views,
            'total_watch_time_seconds', m.watched,
            'avg_completion_rate', m.rate,
            'total_videos', m.videos,
            'trends', jsonb_build_object(
                'views', chronos.analytics_trend(m.views::double precision, m.views_before::double precision),
                'watch_time', chronos.analytics_trend(m.watched, m.watched_before),
                'completion', chronos.analytics_trend(m.rate, m.rate_before),
                'videos', 0)),
        'views_over_time', coalesce(v.list, '[]'),
        'completion_rates', coalesce(r.list, '[]'),
        'cost_breakdown', coalesce(b.list, '[]'),
        'storage_usage', coalesce(u.list, '[]'),
        'student_engagement', jsonb_build_object(
            'active_learners', coalesce(l.learners, 0),
            'avg_videos_per_student', coalesce(l.pairs::double precision / l.learners, 0),
            'peak_hours', coalesce(h.list, '[]')),
        'top_videos', coalesce(t.list, '[]'))
    from metrics m
    left join views_over_time v on v.creator_id = m.creator_id and v.name = m.name
    left join completion_rates r on r.creator_id = m.creator_id and r.name = m.name
    left join cost_breakdown b on b.creator_id = m.creator_id and b.name = m.name
    left join storage_usage u on u.creator_id = m.creator_id and u.name = m.name
    left join learners l on l.creator_id = m.creator_id and l.name = m.name
    left join peak_hours h on h.creator_id = m.creator_id and h.name = m.name
    left join top_videos t on t.creator_id = m.creator_id and t.name = m.name
$fn$
set enable_nestloop = off
set jit = off
set work_mem = '128MB';
-- The planner cannot know how many rows the expressions give, takes it for few, and joins them in nested loops: the joins
-- are by equality and of thousands of rows, so hashes are right, and compiling them costs more than it saves. What is sorted and kept at
-- a time is some tens of megabytes for a hundred creators; on the disk it would take longer than all the rest.

-- Computes the four ranges as of `at` for these creators and keeps them in analytics_cache. One that fails is told from the
-- others by halving: each half is tried by itself, down to the one, whose message is returned while all the rest is
-- written. What was computed of a later moment is not replaced. Only faults of the data are taken for a creator's: trouble
-- of the server (a lost connection, a timeout, a full disk) fails the call, which can be repeated.
create function chronos.refresh_analytics(
    creators uuid[], at timestamptz, out processed bigint, out entries bigint, out errors jsonb)
language plpgsql
set work_mem = '128MB'
as $fn$
declare
    half integer := cardinality(creators) / 2;
    first record;
    second record;
begin
    begin
        -- in the order of the ids, so that two at once do not wait for each other; a creator that was deleted meanwhile
        -- is not there, and one that is there stays until this is committed
        creators := array(select c.id from public.creators c where c.id = any (creators) order by c.id for key share);
        insert into public.analytics_cache as c (creator_id, date_range, data, computed_at)
        select a.creator_id, a.date_range, a.data, at
        from chronos.compute_analytics(
            creators,
            array(select r.date_range from chronos.analytics_ranges(at) r order by r.starts),
            array(select r.starts from chronos.analytics_ranges(at) r order by r.starts),
            array(select r.ends from chronos.analytics_ranges(at) r order by r.starts)) a
        order by a.creator_id, a.date_range
        on conflict (creator_id, date_range) do update
        set data = excluded.data, computed_at = excluded.computed_at
        where c.computed_at <= excluded.computed_at;
        get diagnostics entries = row_count;
        processed := cardinality(creators);
        errors := '[]';
        return;
    exception
        when data_exception or integrity_constraint_violation or program_limit_exceeded then
            if cardinality(creators) <= 1 then
                processed := cardinality(creators);
                entries := 0;
                errors := jsonb_build_array(creators[1] || ': ' || left(sqlerrm, 200));
                return;
            end if;
            half := cardinality(creators) / 2;
    end;
    first := chronos.refresh_analytics(creators[:half], at);
    second := chronos.refresh_analytics(creators[half + 1:], at);
    processed := first.processed + second.processed;
    entries := first.entries + second.entries;
    errors := first.errors || second.errors;
end
$fn$;
