-- The life of a command (scheduler/commands.c): given by chronos.cancel or chronos.cancel_where, carried out once, kept with its
-- result for as long as history is.

-- name: listen_commands :exec
listen chronos_commands

-- name: bound_command :exec
-- First statement: a scheduler that is frozen in the middle of a command leaves it to the others. A long command is no idle one,
-- as it says something now and then.
select set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true)

-- name: lock_commands :one
-- One scheduler at a time, so that commands are carried out in their order. Held until the transaction ends.
select pg_try_advisory_xact_lock(hashtext('chronos.commands')) as locked

-- name: next_command :maybe
select id, kind, run_id, reason, function_id, owner, chronos.to_ms(since) as since_ms, chronos.to_ms(until) as until_ms,
       condition
from chronos.commands
where applied_at is null
order by id
limit 1

-- name: finish_command :exec
-- $1 id, $2 result
update chronos.commands
set applied_at = clock_timestamp(),
    result = $2::text
where id = $1::bigint

-- name: run_status :maybe
-- How a run ended that Redis does not know.
-- $1 run id
select status
from chronos.runs
where id = $1::text

-- name: forget_commands :exec
-- Every hour.
-- $1 days to keep
delete from chronos.commands
where applied_at < now() - $1::integer * interval '1 day'
