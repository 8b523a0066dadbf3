-- Videos whose status says that somebody works on them while nobody does.

-- name: recover_stuck_videos :many
-- Takes some of those videos out of that state, the longest untouched first: says what is to be started again, or marks them
-- failed after the third time, and when the run that worked on them was cancelled (somebody wanted that). Whoever was
-- changed is not found again before its time, so asking until nothing comes ends.
--
-- $1 most videos at once
with stuck as (
    select v.id, v.creator_id, v.status,
           (select r.status from chronos.runs r where r.id = v.metadata ->> 'processing_run') as run_status,
           chronos.has_transcript(v) as has_transcript,
           case when v.metadata ->> 'recovery_attempts' ~ '^\d{1,6}$'
               then (v.metadata ->> 'recovery_attempts')::integer else 0 end as attempts
    from chronos.stuck_videos s
    join public.videos v on v.id = s.id
    order by v.updated_at
    limit $1::integer
    for no key update of v skip locked
), decided as (
    select stuck.*,
           case
               when run_status = 'cancelled' then 'mark-cancelled'
               when attempts >= 3 then 'mark-failed'
               when has_transcript then 'retry-embeddings'
               else 'retry-transcript'
           end as action
    from stuck
)
update public.videos v
set status = case when d.action like 'mark-%' then 'failed' else v.status end,
    error_message = case d.action
        when 'mark-cancelled' then 'Processing was cancelled. Start it again when you want it.'
        when 'mark-failed' then format(
            'Processing stopped at "%s" and did not finish although it was started again three times. Try again'
            ' later; if it stops again, import the video once more.', d.status)
        else v.error_message end,
    processing_completed_at = case when d.action like 'mark-%' then now() else v.processing_completed_at end,
    metadata = chronos.merge_metadata(v.metadata, jsonb_build_object(
            'last_recovery_attempt', now(), 'last_recovery_action', d.action)
            || case when d.action like 'retry-%'
                   then jsonb_build_object('recovery_attempts', d.attempts + 1) else '{}' end)
        - case when d.action like 'mark-%' then array['processing_run', 'recovery_attempts']
              else array['processing_run'] end
from decided d
where v.id = d.id
returning v.id, v.creator_id, d.status, d.action, d.attempts + 1 as attempt

-- name: recover_stuck_operations :many
-- Operations on many videos that nobody works on, the oldest first: what is to be started again, and what was marked as
-- failed. An operation that no accepted event names waits for one that was lost or refused: it is started again, its ids are in
-- the row. When it is older than a day whoever asked for it expects it no more. When all runs of its events have ended and
-- it has no outcome, none will come.
--
-- Half an hour is for events that are on their way, and for the handler of a run that failed.
--
-- $1 most operations at once
with waiting as (
    select o.id, o.creator_id, o.operation_type, o.status, o.created_at,
           'videos/bulk.' || o.operation_type as event
    from public.bulk_operations o
    where o.status in ('pending', 'in_progress')
        and o.created_at < now() - interval '30 minutes'
), known as (
    select w.*, seen.n as events, seen.live, seen.ended_at
    from waiting w
    cross join lateral (
        select count(distinct e.id) as n, coalesce(bool_or(r.id is null), false) as live, max(r.finished_at) as ended_at
        from chronos.events e
        cross join lateral unnest(e.run_ids) as x (id)
        left join chronos.runs r on r.id = x.id
        where e.name = w.event
            and e.accepted_at >= w.created_at - interval '1 hour'
            and e.outcome = 'accepted'
            and lower(coalesce(e.data ->> 'operationId', e.data ->> 'operation_id')) = w.id::text
    ) seen
    where not exists (
        select from chronos.outbox o
        where o.name = w.event
            and lower(coalesce(o.data ->> 'operationId', o.data ->> 'operation_id')) = w.id::text)
), decided as (
    select o.id,
           case when k.events = 0 and k.status = 'pending' and k.created_at > now() - interval '1 day'
               then 'start-again' else 'mark-failed' end as action,
           case when k.events = 0 and k.status = 'pending'
               then 'The operation was never started: the request for it was lost or refused. Make a new one.'
               else 'The operation stopped without an outcome. What was done until then stays done: make a new one for'
                    ' the rest.' end as message,
           k.status
    from known k
    join public.bulk_operations o on o.id = k.id and o.status = k.status
    where not k.live
        and (k.events > 0 or k.status = 'pending' or k.created_at < now() - interval '1 day')
        and (k.ended_at is null or k.ended_at < now() - interval '30 minutes')
    order by k.created_at, k.id
    limit $1::integer
    for no key update of o skip locked
), marked as (
    update public.bulk_operations o
    set status = 'failed', error_message = d.message, completed_at = now()
    from decided d
    where o.id = d.id and d.action = 'mark-failed'
)
select o.id, o.creator_id, o.operation_type, d.status, d.action
from decided d
join public.bulk_operations o on o.id = d.id
order by o.created_at, o.id
