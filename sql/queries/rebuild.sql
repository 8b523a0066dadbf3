-- What the scheduler needs to put live work back into a Redis that has lost it.

-- name: live_runs :many
-- Accepted runs that have not ended, a page in the order of their acceptance.
-- $1 accepted_at ms to start from, $2 run id to start after within that millisecond, $3 most rows
select r.run_id, r.function_id, e.id as event_id, e.name, e.data, e."user", e.v,
       chronos.to_ms(e.accepted_at) as accepted_ms, chronos.to_ms(e.ts) as ts_ms, e.creator_id
from chronos.events e
cross join lateral unnest(e.run_ids, e.function_ids) as r (run_id, function_id)
where e.outcome = 'accepted'
    and e.accepted_at >= chronos.from_ms($1::bigint)
    and (e.accepted_at, r.run_id) > (chronos.from_ms($1::bigint), $2::text)
    and not exists (
        select from chronos.runs done
        where done.id = r.run_id
            and done.accepted_at = e.accepted_at
    )
order by e.accepted_at, r.run_id
limit $3::integer

-- name: recorded_steps :many
-- Results that the steps of these runs left behind; they are not run again.
-- $1 run ids as an array literal
select run_id, step, result
from chronos.run_steps
where run_id = any ($1::text[])
    and status = 'completed'

-- name: stored_functions :many
-- The manifests as workers published them last.
select id, manifest::text as manifest
from chronos.functions

-- name: lock_rebuild :exec
-- One scheduler rebuilds, the others wait for it. Held until the transaction ends.
select pg_advisory_xact_lock(hashtext('chronos.rebuild'))
