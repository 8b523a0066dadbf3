-- Pages of the lists that the application asks for end at a row, not at a time.
-- breaking: no
--
-- Why: videos that were imported in one transaction have one created_at. A page that ended among them gave that time as
-- `next`, and what was left of them was on no page. `next` is now "time,id", and a time alone is still taken.
--
-- Locks: nothing but the functions' rows in the catalog.

create function chronos.api_cursor(at timestamptz, id uuid) returns text
language sql stable strict parallel safe
as $fn$ select to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ',' || id $fn$;

-- Of a time alone the id is the least of all: no row of that time is before it.
create function chronos.api_place(api_cursor text) returns table (at timestamptz, id uuid)
language sql stable strict parallel safe
as $fn$
    select split_part(api_cursor, ',', 1)::timestamptz,
           case when strpos(api_cursor, ',') > 0 then split_part(api_cursor, ',', 2)
               else '00000000-0000-0000-0000-000000000000' end::uuid
$fn$;

-- The newest first. A page begins after `before`, which is the `next` of another page, or before that time.
create or replace function chronos.api_bulk_list(creator text, before text, most integer) returns chronos.api_answer
language sql stable
as $fn$
    with page as (
        select o.*
        from public.bulk_operations o
        where (creator is null or o.creator_id = chronos.to_uuid(creator))
            and (before is null or (o.created_at, o.id) < (select x.at, x.id from chronos.api_place(before) x))
        order by o.created_at desc, o.id desc
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(chronos.api_bulk(p.id) order by p.created_at desc, p.id desc) from page p), '[]'),
        'next', (select chronos.api_cursor(p.created_at, p.id) from page p
                 where (select count(*) from page) = most order by p.created_at, p.id limit 1)))
$fn$;

-- The newest first; `state` may name several, with commas. `before` as of operations.
create or replace function chronos.api_video_list(creator text, state text, looked_for text, before text, most integer)
returns chronos.api_answer
language sql stable
as $fn$
    with page as (
        select v.id, v.creator_id, v.title, v.status, v.source_type, v.duration_seconds, v.error_message,
               v.thumbnail_url, v.created_at, v.updated_at
        from public.videos v
        where not v.is_deleted
            and (creator is null or v.creator_id = chronos.to_uuid(creator))
            and (state is null or v.status = any (string_to_array(state, ',')))
            and (looked_for is null or strpos(lower(v.title), lower(looked_for)) > 0)
            and (before is null or (v.created_at, v.id) < (select x.at, x.id from chronos.api_place(before) x))
        order by v.created_at desc, v.id desc
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(to_jsonb(p) || jsonb_build_object(
            'created_at', chronos.api_time(p.created_at), 'updated_at', chronos.api_time(p.updated_at),
            'progress', chronos.video_progress(p.status)) order by p.created_at desc, p.id desc) from page p), '[]'),
        'next', (select chronos.api_cursor(p.created_at, p.id) from page p
                 where (select count(*) from page) = most order by p.created_at, p.id limit 1)))
$fn$;
