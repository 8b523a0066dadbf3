-- What chronosctl asks to check an engine.

-- name: postgres_settings :one
-- Before anything is known of the schema.
select current_database() as database,
       pg_database_size(current_database()) as bytes,
       current_setting('server_version') as version,
       current_setting('server_version_num')::integer as version_number,
       current_setting('max_connections')::integer as max_connections,
       current_setting('superuser_reserved_connections')::integer as reserved,
       (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend') as connections,
       pg_is_in_recovery() as recovering,
       current_setting('default_transaction_read_only') as read_only,
       current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       exists (select from pg_catalog.pg_available_extensions where name = 'vector') as vector_available,
       exists (select from pg_catalog.pg_extension where extname = 'vector') as vector_installed

-- name: postgres_clock :one
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms

-- name: missing_rights :one
-- Tables that this user may not read at all, and those that orders are written to.
select current_user as role,
       string_agg(c.relname, ', ' order by c.relname) filter (
           where not has_schema_privilege(c.relnamespace, 'usage')
               or not has_table_privilege(c.oid, 'select')
       ) as unreadable,
       string_agg(c.relname, ', ' order by c.relname) filter (
           where c.relname in ('outbox', 'commands', 'controls')
               and not has_table_privilege(c.oid, 'insert')
       ) as unwritable
from pg_catalog.pg_class c
where c.relnamespace = 'chronos'::regnamespace
    and c.relkind in ('r', 'p')
    and not c.relispartition

-- name: missing_days :one
-- Partitions of today and tomorrow (UTC) that nobody has made.
select string_agg(part, ', ' order by part) as missing
from chronos.partitioned_tables t
cross join generate_series(0, 1) as ahead
cross join lateral (
    select t.table_name || '_' || to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD') as part
) p
where to_regclass('chronos.' || quote_ident(part)) is null

-- name: search_indexes :one
-- By what kinds of index chunks are searched (null = by none), whether a better kind is to be had, and about how many chunks there are.
select (select string_agg(distinct m.amname, ', ')
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        join pg_am m on m.oid = x.relam
        where i.indrelid = 'public.video_chunks'::regclass and i.indisvalid and m.amname in ('hnsw', 'ivfflat')) as kinds,
       exists (select from pg_am where amname = 'hnsw') as has_hnsw,
       exists (select from pg_extension where extname = 'vector') as has_vector,
       (select greatest(0, c.reltuples)::bigint from pg_class c where c.oid = 'public.video_chunks'::regclass) as chunks

-- name: open_orders :one
-- Events and commands that schedulers should have taken half a minute ago.
select (select count(*) from chronos.outbox
        where created_at < now() - interval '30 seconds') as outbox_late,
       (select count(*) from chronos.commands
        where applied_at is null
            and created_at < now() - interval '30 seconds') as commands_late

-- name: late_outbox :many
-- Events that should have been in Redis, and recorded, a minute ago.
select id::text as id, name
from chronos.outbox
where created_at < now() - interval '1 minute'
order by id
limit 1000

-- name: which_ended :many
-- Which of these have ended.
-- $1 run ids as an array literal
select distinct id
from chronos.runs
where id = any ($1::text[])

-- name: unrecorded_runs :many
-- Which of these began with no event that is recorded. A run's id begins with the time of its first event, as the event's does.
-- $1 run ids as an array literal
select wanted.id
from unnest($1::text[]) as wanted (id)
where not exists (
    select from chronos.events e
    where e.id between left(wanted.id, 10) || repeat('0', 16) and left(wanted.id, 10) || repeat('Z', 16)
        and wanted.id = any (e.run_ids)
)

-- name: open_recorded_runs :exec
-- Runs that were accepted some time ago and have not ended, without their events.
declare recorded_runs no scroll cursor for
select run_id, function_id, min(event_id) as event_id
from chronos.live_runs
where accepted_at < now() - interval '10 seconds'
group by run_id, function_id

-- name: fetch_recorded_runs :many
-- The next page of them.
fetch 1000 from recorded_runs

-- name: describe_video :maybe
-- What support asks about a video. `run_id` is the run that works on it, or was the last to.
-- $1 video id
select v.id::text as id, v.title, v.creator_id::text as creator_id, v.status, v.source_type,
       coalesce(v.youtube_video_id, v.mux_playback_id, v.mux_asset_id, v.embed_id, v.storage_path, v.url) as source,
       v.error_message, v.duration_seconds, v.is_deleted,
       chronos.to_ms(v.processing_started_at) as processing_started_at,
       chronos.to_ms(v.processing_completed_at) as processing_completed_at,
       length(v.transcript) as transcript_characters,
       (select count(*) from public.video_chunks c where c.video_id = v.id) as chunks,
       (select count(*) from public.video_chunks c where c.video_id = v.id and c.embedding is not null) as embedded,
       v.metadata ->> 'processing_run' as run_id
from public.videos v
where v.id = $1::uuid

-- name: runs_of_video :many
-- Runs about a video that have ended, newest first, among the latest of its creator. Events name a video in either spelling.
-- $1 video id, $2 creator id, $3 most rows
select r.id as run_id, r.status, r.function_id, chronos.to_ms(r.finished_at) as ended_at, r.attempts, r.error_message
from (
    select *
    from chronos.runs
    where creator_id = $2::text
    order by finished_at desc
    limit 1000
) r
join chronos.events e on e.id = r.event_id
where coalesce(e.data ->> 'videoId', e.data ->> 'video_id') = $1::text
order by r.finished_at desc
limit $3::integer

-- name: forget_creator :one
-- $1 creator id
select chronos.forget($1::text)::text as id

-- name: forget_order :one
-- What came of it.
-- $1 order id
select id, chronos.to_ms(asked_at) as asked_at, asked_by, chronos.to_ms(done_at) as done_at, deleted
from chronos.forgotten
where id = $1::bigint

-- name: command_result :maybe
-- What came of an order, once a scheduler has carried it out.
-- $1 command id
select coalesce(result, 'done') as result
from chronos.commands
where id = $1::bigint
    and applied_at is not null
