-- The indexes that the analytics are read by.
-- breaking: no
--
-- Why: aggregate-analytics (chronos.compute_analytics) reads, of each creator, the events of three types in a window of
-- created_at. Most events of a school are of other types: a player reports progress every few seconds. Partial indexes
-- leave those out, so that they neither cost a read here nor an entry when they are written:
--   idx_video_analytics_events_starts     views, days, hours, students: all that is asked of a start is in the index, so
--                                         that a vacuumed table is not touched at all
--   idx_video_analytics_events_outcomes   completions and transcripts, whose metadata is read from the table
--
-- Locks: writes to public.video_analytics_events while the indexes are made, about a second per 500,000 such events. As
-- always, a table that the application brought is left as it is; it is told apart by the absence of the index that came
-- with ours. There, and before this on a large table of our own, an operator may make them at a quiet hour without a lock:
--   create index concurrently idx_video_analytics_events_starts on public.video_analytics_events
--       (creator_id, created_at) include (video_id, student_id) where event_type = 'video_started';
--   create index concurrently idx_video_analytics_events_outcomes on public.video_analytics_events
--       (creator_id, created_at) where event_type in ('video_completed', 'video_transcribed');
-- Without them the result is the same; the index on creator_id serves, more slowly.

do $do$
begin
    if to_regclass('public.idx_video_analytics_events_creator_created') is not null then
        create index if not exists idx_video_analytics_events_starts on public.video_analytics_events
            (creator_id, created_at) include (video_id, student_id)
            where event_type = 'video_started';
        create index if not exists idx_video_analytics_events_outcomes on public.video_analytics_events
            (creator_id, created_at)
            where event_type in ('video_completed', 'video_transcribed');
    end if;
end
$do$;
