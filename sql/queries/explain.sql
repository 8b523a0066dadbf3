-- For people who ask what became of a run.

-- name: explain_run :maybe
-- A run that has ended.
-- $1 run id
select 'ended' as state, r.status, r.function_id as function, r.creator_id as owner, r.event_id as event, r.event_name,
       r.attempts, r.deaths, r.queued_at, r.started_at, r.finished_at, r.error_code, r.error_message, r.worker,
       e.retry_of, e.replay_of
from chronos.runs r
left join chronos.events e on e.id = r.event_id
where r.id = $1::text
limit 1
