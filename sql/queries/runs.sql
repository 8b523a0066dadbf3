-- The life of a run in Postgres: appended once when it has ended, together with its steps. Times go in as epoch
-- milliseconds where they are parameters and as timestamptz text in COPY.

-- name: copy_runs :copy
-- The archiver, a batch of runs that have ended.
copy chronos.runs (
    id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, deaths, queued_at,
    started_at, finished_at, error_code, error_message, output, cost_usd, worker
) from stdin

-- name: copy_run_steps :copy
-- The archiver, a batch of step attempts.
copy chronos.run_steps (
    run_id, accepted_at, step, attempt, status, started_at, finished_at, duration_us, result, error_code,
    error_message, cost_usd, worker
) from stdin

-- name: finished_runs :many
-- Which of these runs have ended, and how: their events were delivered again, and they are not started again.
-- $1 run ids as an array literal
select id, status, output, error_code, error_message
from chronos.runs
where id = any ($1::text[])

-- name: bound_archive_batch :exec
-- Before the cursor is locked: a scheduler that is frozen in the middle of a batch loses its transaction, and with it
-- the lock, instead of stopping the others' archiving for as long as it is frozen. Frozen within a COPY it is not idle:
-- hence both.
select set_config('idle_in_transaction_session_timeout', '10s', true),
       set_config('statement_timeout', '10s', true)

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

-- name: end_frozen_writers :many
-- When our own write waited in vain for a lock: another scheduler may be frozen in the middle of a COPY, where no timeout of
-- the server reaches it. Its transaction is ended; if it wakes up it is told so and writes again.
select pg_terminate_backend(pid) as ended
from pg_stat_activity
where datname = current_database()
    and usename = current_user
    and application_name in ('chronos-record', 'chronos-archive')
    and pid <> pg_backend_pid()
    and wait_event = 'ClientRead'
    and state in ('active', 'idle in transaction')
    and state_change < clock_timestamp() - interval '8 seconds'
