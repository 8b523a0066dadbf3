-- What the scheduler needs to put live work back into a Redis that has lost it.

-- name: set_live_since :exec
-- Before that: runs before this id are not looked at. A run's id begins with the time of its first event. (A cursor takes no
-- parameter of a prepared statement.)
-- $1 the beginning of an id, "" for all
select set_config('chronos.live_since', $1::text, true)

-- name: open_live_runs :exec
-- Accepted runs that have not ended, with the events that each began with, in the order in which they were accepted. A run
-- of several events is as old as the first of them, which the first ten characters of its id tell; the rows of such a run
-- come one after the other. A cursor, since all of them must be seen at one moment, and may not fit into memory.
declare live_runs no scroll cursor for
with live as (
    select l.*, min(l.event_id) over (partition by l.run_id) as first_id
    from chronos.live_runs l
    where l.event_id >= current_setting('chronos.live_since')
        and l.run_id >= current_setting('chronos.live_since')
)
select live.run_id, live.function_id, e.id, e.name, e.data, e."user", e.v, e.traceparent, e.parent,
       e.retry_of, e.replay_of, chronos.to_ms(e.accepted_at) as accepted_ms, chronos.to_ms(e.ts) as ts_ms
from live
join chronos.events e on e.id = live.event_id
    and e.accepted_at = live.accepted_at
order by live.first_id, live.run_id, e.accepted_at, nullif(split_part(e.stream_id, '-', 2), '')::bigint, e.id

-- name: fetch_live_runs :many
-- The next page of them.
fetch 500 from live_runs

-- name: open_untold_ends :exec
-- Runs that failed or were cancelled without an event of it, each with the events that it began with, as in live_runs. It
-- ended after they were accepted, which is what bounds where they are looked for. The event of a run's end has the run's time or
-- a later one: with a beginning, only the partitions since then are looked through, and of those only the events of ends.
declare untold_ends no scroll cursor for
with ends as materialized (
    select told.name, told.data ->> 'run_id' as run_id
    from chronos.events told
    where told.name in ('inngest/function.failed', 'inngest/function.cancelled')
        and told.accepted_at >= coalesce(chronos.time_of_id(nullif(current_setting('chronos.live_since'), '')), '-infinity')
),
untold as materialized (
    select r.id, r.accepted_at, r.function_id, r.status, r.error_code, r.error_message, r.finished_at
    from chronos.runs r
    where r.status in ('failed', 'cancelled')
        and r.id >= current_setting('chronos.live_since')
        and not exists (
            select from ends
            where ends.name = 'inngest/function.' || r.status
                and ends.run_id = r.id
        )
)
select u.id as run_id, u.function_id, u.status, u.error_code, u.error_message, e.id, e.name, e.data, e."user", e.v, e.traceparent,
       e.parent, e.retry_of, e.replay_of, chronos.to_ms(e.accepted_at) as accepted_ms, chronos.to_ms(e.ts) as ts_ms
from untold u
join chronos.events e on u.id = any (e.run_ids)
where e.id >= left(u.id, 10)
    and e.accepted_at between u.accepted_at and u.finished_at + interval '5 minutes'
order by u.id, e.accepted_at, nullif(split_part(e.stream_id, '-', 2), '')::bigint, e.id

-- name: fetch_untold_ends :many
-- The next page of them.
fetch 500 from untold_ends

-- name: find_starts :many
-- Runs that events began in a function since a time, a page in the order of the events' ids, when Redis has lost what the
-- function's rules have to remember. A run that was skipped did not begin.
-- $1 function id, $2 accepted_at ms since when, $3 event id to start after, $4 most rows
select r.run_id, e.id, e.name, e.data, e."user", e.v, e.traceparent,
       chronos.to_ms(e.accepted_at) as accepted_ms, chronos.to_ms(e.ts) as ts_ms
from chronos.events e
cross join lateral unnest(e.run_ids, e.function_ids) as r (run_id, function_id)
where r.function_id = $1::text
    and e.outcome = 'accepted'
    and e.accepted_at > chronos.from_ms($2::bigint)
    and e.id > $3::text
    and not exists (
        select from chronos.runs skipped
        where skipped.id = r.run_id
            and skipped.accepted_at = e.accepted_at
            and skipped.status = 'skipped'
    )
order by e.id
limit $4::integer

-- name: recorded_steps :many
-- Results that the steps of these runs left behind; they are not run again. A step that slept is done, with the result
-- null, when another step has begun since; one whose sleep may not be over sleeps again. What a step waited for has a row
-- of its own, which counts before the one that says that it waited.
-- $1 run ids as an array literal
select distinct on (s.run_id, s.step) s.run_id, s.step, s.result
from chronos.run_steps s
where s.run_id = any ($1::text[])
    and (s.status = 'completed'
        or s.status = 'sleeping'
            and exists (
                select from chronos.run_steps later
                where later.run_id = s.run_id
                    and later.accepted_at = s.accepted_at
                    and later.step <> s.step
                    and later.started_at > s.finished_at
            ))
order by s.run_id, s.step, s.status = 'completed' desc, s.attempt desc

-- name: carried_steps :many
-- The same of one run and of those that it was a retry of: what the run after it has not to do again.
-- $1 run id
with recursive chain (run_id, depth) as (
    select $1::text, 0
    union all
    select e.retry_of, chain.depth + 1
    from chain
    join chronos.events e on e.id between left(chain.run_id, 10) || repeat('0', 16)
                              and left(chain.run_id, 10) || repeat('Z', 16)
    where chain.run_id = any (e.run_ids)
        and e.retry_of is not null
        and chain.depth < 100
)
select distinct on (s.step) s.step, s.result
from chain
join chronos.run_steps s on s.run_id = chain.run_id
where s.status = 'completed'
    or s.status = 'sleeping'
        and exists (
            select from chronos.run_steps later
            where later.run_id = s.run_id
                and later.accepted_at = s.accepted_at
                and later.step <> s.step
                and later.started_at > s.finished_at
        )
order by s.step, chain.depth, s.status = 'completed' desc, s.attempt desc

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
