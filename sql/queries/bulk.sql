-- Operations on many videos at once: rows of public.bulk_operations, which the application makes and watches.

-- name: claim_operation :maybe
-- A run begins to work on an operation: one run does. The ids of the event count, else the row's.
-- $1 operation id, $2 creator id, $3 its type, $4 number of ids in the event or null
update public.bulk_operations
set status = 'in_progress',
    progress_current = 0,
    progress_total = coalesce($4::integer, cardinality(video_ids)),
    result = null,
    error_message = null
where id = $1::uuid
    and creator_id = $2::uuid
    and operation_type = $3::text
    and status = 'pending'
returning progress_total as total

-- name: find_operation :maybe
-- When that was in vain: why.
-- $1 operation id
select creator_id, operation_type, status
from public.bulk_operations
where id = $1::uuid

-- name: operation_page :many
-- Some of the row's ids, and whether each stands there for the first time.
-- $1 operation id, $2 first position from 0, $3 how many, $4 whether to say that: it takes time up to the whole list for
-- each id, so who reads a long list asks operation_firsts once and gives false here
select x.id,
       case when $4::boolean then array_position(o.video_ids, x.id) = $2::integer + x.n else true end as is_first
from public.bulk_operations o
cross join lateral unnest(o.video_ids[$2::integer + 1 : $2::integer + $3::integer]) with ordinality as x (id, n)
where o.id = $1::uuid
order by x.n

-- name: operation_firsts :maybe
-- The same for all of the row's ids: a '1' for each that stands there for the first time, else a '0', in one text.
-- $1 operation id
select string_agg(case when x.nth = 1 then '1' else '0' end, '' order by x.n) as firsts
from (
    select u.n, row_number() over (partition by u.id order by u.n) as nth
    from public.bulk_operations o
    cross join lateral unnest(o.video_ids) with ordinality as u (id, n)
    where o.id = $1::uuid
) x

-- name: set_operation_progress :exec
-- After each batch, for whoever watches. It never goes back.
-- $1 operation id, $2 how many ids were dealt with
update public.bulk_operations
set progress_current = greatest(progress_current, least($2::integer, progress_total))
where id = $1::uuid
    and status in ('in_progress', 'failed')

-- name: finish_operation :exec
-- Also one that was marked as failed: its run was retried by an operator.
-- $1 operation id, $2 creator id, $3 status, $4 result, $5 error message or null
update public.bulk_operations
set status = $3::text,
    progress_current = progress_total,
    result = $4::jsonb,
    error_message = $5::text,
    completed_at = now()
where id = $1::uuid
    and creator_id = $2::uuid
    and status in ('in_progress', 'failed')

-- name: fail_operation :exec
-- Its run has ended without an outcome. An operation that another run works on, or that has an outcome, is none of its
-- business: the run must have claimed it, or it still waits for one of this type. What was done so far stays in
-- progress_current.
-- $1 operation id, $2 creator id, $3 its type, $4 run id, $5 message for people
update public.bulk_operations
set status = 'failed',
    error_message = left($5::text, 1000),
    completed_at = now()
where id = $1::uuid
    and creator_id = $2::uuid
    and operation_type = $3::text
    and (status = 'pending'
         or (status = 'in_progress'
             and exists (
                 select from chronos.step_ledger l
                 where l.run_id = $4::text
                     and l.step = 'update-status-in-progress')))

-- name: delete_videos :many
-- In the transaction of its batch. A row for each id: without an error it was deleted.
-- $1 operation id, $2 creator id, $3 array of ids
select d.video_id, d.error
from chronos.delete_videos($1::uuid, $2::uuid, array(select json_array_elements_text($3::json)::uuid)) d

-- name: take_deleted_files :many
-- Files whose videos were deleted and that no video names any more, of one operation or, without one, of all that ended
-- ten minutes ago.
-- $1 operation id or null, $2 bucket, $3 most
select f.path
from chronos.deleted_files f
where case when $1::uuid is null then f.deleted_at < now() - interval '10 minutes' else f.operation_id = $1::uuid end
    and f.bucket = $2::text
    and not exists (select from public.videos v where $2::text = 'videos' and v.storage_path = f.path)
order by f.deleted_at, f.path
limit $3::integer

-- name: forget_deleted_files :exec
-- They are gone.
-- $1 bucket, $2 array of paths
delete from chronos.deleted_files
where bucket = $1::text
    and path = any (array(select json_array_elements_text($2::json)))

-- name: find_for_reprocessing :many
-- $1 array of ids, $2 creator id, null = any
select v.id, v.creator_id, chronos.has_transcript(v) as has_transcript
from public.videos v
where v.id = any (array(select json_array_elements_text($1::json)::uuid))
    and ($2::uuid is null or v.creator_id = $2::uuid)
    and not v.is_deleted

-- name: export_page :many
-- In the order in which they were asked for. Times as the application's API writes them.
-- $1 array of ids, $2 creator id
select v.id, v.title, v.description, v.status, nullif(v.duration_seconds, 0) as duration_seconds,
       nullif(v.file_size_bytes, 0) as file_size_bytes, v.source_type,
       to_char(v.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as created_at,
       to_char(v.updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as updated_at,
       v.transcript_language
from json_array_elements_text($1::json) with ordinality as x (id, n)
join public.videos v on v.id = x.id::uuid
where v.creator_id = $2::uuid
    and not v.is_deleted
order by x.n
