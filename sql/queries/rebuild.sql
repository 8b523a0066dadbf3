-- What the scheduler needs to put live work back into a Redis that has lost it.

-- name: live_runs :many
-- Accepted runs that have not ended, a page in the order of their acceptance: an event's id begins with its time, so the
-- primary key gives the order and each page begins where the last ended.
-- $1 event id to start from, $2 run id to start after within that event, $3 most rows
select r.run_id, r.function_id, e.id as event_id, e.name, e.data, e."user", e.v,
       chronos.to_ms(e.accepted_at) as accepted_ms, chronos.to_ms(e.ts) as ts_ms, e.creator_id
from chronos.events e
cross join lateral unnest(e.run_ids, e.function_ids) as r (run_id, function_id)
where e.outcome = 'accepted'
    and e.id >= $1::text
    and (e.id, r.run_id) > ($1::text, $2::text)
    and not exists (
        select from chronos.runs done
        where done.id = r.run_id
            and done.accepted_at = e.accepted_at
    )
order by e.id, r.run_id
limit $3::integer

-- name: recorded_steps :many
-- Results that the steps of these runs left behind; they are not run again. A step that slept is done, with the result
-- null, when another step has begun since; one whose sleep may not be over sleeps again.
-- $1 run ids as an array literal
select s.run_id, s.step, s.result
from chronos.run_steps s
where s.run_id = any ($1::text[])
    and (s.status = 'completed'
        or s.status = 'sleeping'
            and exists (
                select from chronos.run_steps later
                where later.run_id = s.run_id
                    and later.accepted_at = s.accepted_at
                    and later.step <> s.step
                    and later.started_at >= s.finished_at
            ))

-- name: stored_functions :many
-- The manifests as workers published them last.
select id, manifest::text as manifest
from chronos.functions

-- name: stored_epochs :many
-- The data sets of Redis that this database goes with.
select key, value
from chronos.meta
where key like 'redis\_epoch%'

-- name: lock_rebuild :exec
-- One scheduler rebuilds, the others wait for it. Held until the transaction ends.
select pg_advisory_xact_lock(hashtext('chronos.rebuild'))

-- name: bound_rebuild :exec
-- Before that: the wait for the other scheduler, and reading all that is live, may take longer than any statement of
-- normal work; a scheduler that is frozen while it rebuilds loses the lock.
select set_config('statement_timeout', '0', true),
       set_config('lock_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '60s', true)
