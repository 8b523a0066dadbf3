-- Runs as the console and the command line show them. Times come as milliseconds. Those that are live are in Redis; what is here of
-- them are the event that began each, and the steps that are done.

-- name: plan_for_these :exec
-- First in a transaction with conditions that may be null: planned for what is asked, with the index that fits it.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: list_ended_runs :many
-- A page, newest first.
-- $1 before this id, $2 functions, $3 creators, $4 statuses (array literals), $5 accepted at or after ms, $6 accepted before ms, $7 name
-- of the event, $8 a word of the error; null: any. $9 most rows
select r.id, r.function_id, r.event_id, r.event_name, r.creator_id, r.status, r.attempts, r.deaths,
       chronos.to_ms(r.queued_at) as queued_ms, chronos.to_ms(r.accepted_at) as accepted_ms, chronos.to_ms(r.started_at) as started_ms,
       chronos.to_ms(r.finished_at) as finished_ms, r.error_code, r.error_message, r.cost_usd, r.worker, null as output,
       coalesce(e.retry_of, e.replay_of) as original
from chronos.runs r
left join chronos.events e on e.id = r.event_id and e.accepted_at = r.accepted_at
where ($1::text is null or r.id < $1::text)
    and ($2::text[] is null or r.function_id = any ($2::text[]))
    and ($3::text[] is null or r.creator_id = any ($3::text[]))
    and ($4::text[] is null or r.status = any ($4::text[]))
    and ($5::bigint is null or r.accepted_at >= chronos.from_ms($5::bigint))
    and ($6::bigint is null or r.accepted_at < chronos.from_ms($6::bigint))
    and ($7::text is null or r.event_name = $7::text)
    and ($8::text is null
        or r.status <> 'completed'
            and (position(lower($8::text) in lower(r.error_message)) > 0 or lower(r.error_code) = lower($8::text)))
order by r.id desc
limit $9::integer

-- name: ended_runs :many
-- These runs, as far as they have ended, with what they gave.
-- $1 run ids as an array literal
select r.id, r.function_id, r.event_id, r.event_name, r.creator_id, r.status, r.attempts, r.deaths,
       chronos.to_ms(r.queued_at) as queued_ms, chronos.to_ms(r.accepted_at) as accepted_ms, chronos.to_ms(r.started_at) as started_ms,
       chronos.to_ms(r.finished_at) as finished_ms, r.error_code, r.error_message, r.cost_usd, r.worker, r.output,
       coalesce(e.retry_of, e.replay_of) as original
from chronos.runs r
left join chronos.events e on e.id = r.event_id and e.accepted_at = r.accepted_at
where r.id = any ($1::text[])

-- name: begun_runs :many
-- These runs by the events that began them: a run's id begins with the time of its first event.
-- $1 run ids as an array literal
select q.id, e.id as event_id, e.name as event_name, e.creator_id, chronos.to_ms(e.accepted_at) as accepted_ms,
       coalesce(e.retry_of, e.replay_of) as original, e.function_ids[array_position(e.run_ids, q.id)] as function_id
from unnest($1::text[]) as q (id)
cross join lateral (
    select *
    from chronos.events e
    where e.id between left(q.id, 10) || repeat('0', 16) and left(q.id, 10) || repeat('Z', 16)
        and q.id = any (e.run_ids)
    order by e.id
    limit 1
) e

-- name: steps_of_run :many
-- All attempts, in the order in which they began.
-- $1 run id
select step, attempt, status, chronos.to_ms(started_at) as started_ms, chronos.to_ms(finished_at) as finished_ms,
       duration_us, result, error_code, error_message, cost_usd, worker
from chronos.run_steps
where run_id = $1::text
order by started_at nulls last, finished_at nulls last, step, attempt

-- name: last_step_ms :one
-- When the run was last heard of.
-- $1 run id
select chronos.to_ms(max(finished_at)) as ms
from chronos.run_steps
where run_id = $1::text

-- name: last_steps :many
-- How many attempts of steps these runs have behind them, and which was the last.
-- $1 run ids as an array literal
select q.id as run_id, n.n, s.step, s.attempt, s.error_code, s.error_message, null as function_id
from unnest($1::text[]) as q (id)
cross join lateral (select count(*) as n from chronos.run_steps where run_id = q.id) n
cross join lateral (
    select step, attempt, error_code, error_message
    from chronos.run_steps
    where run_id = q.id
    order by finished_at desc nulls last
    limit 1
) s

-- name: retried_by :maybe
-- The newest run that retries this one.
-- $1 run id
select run_ids[1] as id
from chronos.events
where retry_of = $1::text
    and run_ids[1] is not null
order by id desc
limit 1

-- name: retry_run :one
-- $1 run id
select chronos.retry($1::text) as row_id

-- name: replay_run :one
-- $1 run id
select chronos.replay($1::text) as row_id

-- name: cancel_run :one
-- $1 run id, $2 reason or null
select chronos.cancel($1::text, $2::text) as row_id

-- name: cancel_where :one
-- $1 function, $2 creator, $3 accepted at or after ms, $4 accepted before ms; null: any
select chronos.cancel_where($1::text, $2::text, chronos.from_ms($3::bigint), chronos.from_ms($4::bigint)) as row_id

-- name: outbox_time :one
-- In the transaction that wrote the row: with it the id of its event is known.
-- $1 row id
select chronos.to_ms(created_at) as created_ms
from chronos.outbox
where id = $1::bigint

-- name: again_all :many
-- $1 retry or replay, $2 run ids as an array literal
select run_id, row_id, error
from chronos.again_all($1::text, $2::text[])

-- name: cancel_all :many
-- $1 run ids as an array literal, $2 reason or null
select run_id, row_id, error
from chronos.cancel_all($1::text[], $2::text)
