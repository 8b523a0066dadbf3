-- The life of a run in Postgres: appended once when it has ended, together with its steps. Times go in as epoch
-- milliseconds where they are parameters and as timestamptz text in COPY.

-- name: copy_runs :copy
-- The archiver, a batch of runs that have ended.
copy chronos.runs (
    id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, deaths, queued_at,
    started_at, finished_at, error_code, error_message, output, cost_usd, worker
) from stdin

-- name: insert_run :exec
-- One ended run; harmless when it is there already.
-- $1 id, $2 accepted_at ms, $3 function_id, $4 event_id, $5 event_name, $6 creator_id, $7 status, $8 attempts,
-- $9 deaths, $10 queued_at ms, $11 started_at ms, $12 finished_at ms, $13 error_code, $14 error_message,
-- $15 output, $16 cost_usd, $17 worker
insert into chronos.runs (
    id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, deaths, queued_at,
    started_at, finished_at, error_code, error_message, output, cost_usd, worker
)
values ($1::text, chronos.from_ms($2::bigint), $3::text, $4::text, $5::text, $6::text, $7::text,
        coalesce($8::integer, 0), coalesce($9::integer, 0), chronos.from_ms($10::bigint),
        chronos.from_ms($11::bigint), chronos.from_ms($12::bigint), $13::text, $14::text, $15::json,
        $16::numeric, $17::text)
on conflict do nothing

-- name: copy_run_steps :copy
-- The archiver, a batch of step attempts.
copy chronos.run_steps (
    run_id, accepted_at, step, attempt, status, started_at, finished_at, duration_us, result, error_code,
    error_message, cost_usd, worker
) from stdin

-- name: insert_run_step :exec
-- One step attempt; harmless when it is there already.
-- $1 run_id, $2 accepted_at ms, $3 step, $4 attempt, $5 status, $6 started_at ms, $7 finished_at ms,
-- $8 duration_us, $9 result, $10 error_code, $11 error_message, $12 cost_usd, $13 worker
insert into chronos.run_steps (
    run_id, accepted_at, step, attempt, status, started_at, finished_at, duration_us, result, error_code,
    error_message, cost_usd, worker
)
values ($1::text, chronos.from_ms($2::bigint), $3::text, $4::integer, $5::text, chronos.from_ms($6::bigint),
        chronos.from_ms($7::bigint), $8::bigint, $9::json, $10::text, $11::text, $12::numeric, $13::text)
on conflict do nothing

-- name: finished_runs :many
-- Which of these runs have ended; the rest are live and are rebuilt when Redis has lost them.
-- $1 run ids as an array literal
select id
from chronos.runs
where id = any ($1::text[])

-- name: bound_archive_batch :exec
-- Before the cursor is locked: a scheduler that is frozen in the middle of a batch loses its transaction, and with it
-- the lock, instead of stopping the others' archiving for as long as it is frozen.
select set_config('idle_in_transaction_session_timeout', '10s', true)

-- name: lock_archive_cursor :one
-- First statement of an archive batch: where the last one ended. Holds the row until the transaction ends, so
-- that two schedulers cannot copy the same entries. (The update that changes nothing is what locks the row.)
-- $1 partition
insert into chronos.archive_cursor as c (partition)
values ($1::integer)
on conflict (partition) do update set partition = excluded.partition
returning c.epoch, c.last_id

-- name: advance_archive_cursor :exec
-- Last statement of an archive batch.
-- $1 partition, $2 epoch, $3 last_id
update chronos.archive_cursor
set epoch = $2::text,
    last_id = $3::text
where partition = $1::integer

-- name: ensure_partitions :exec
-- At start and every hour.
-- $1 days back, $2 days ahead
select chronos.ensure_partitions($1::integer, $2::integer) as made

-- name: drop_partitions :exec
-- Once a day.
-- $1 days to keep
select chronos.drop_partitions($1::integer) as dropped
