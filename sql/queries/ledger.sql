-- The life of a transactional step's row: written before the step's statements, completed after them, and
-- committed with them, so the row is there exactly when the effects are.

-- name: begin_ledger_entry :one
-- First statement of a transactional step. begun: go ahead. done: the step took effect before and only the word of it was
-- lost, take ledger_result. ended: the run has ended meanwhile. Waits for another transaction that is just doing it.
-- $1 run_id, $2 accepted_at ms, $3 step, $4 worker
select chronos.begin_ledger_entry($1::text, chronos.from_ms($2::bigint), $3::text, $4::text) as state

-- name: record_ledger_result :exec
-- Last statement of a transactional step. A result of null is the JSON value 'null', never SQL null.
-- $1 run_id, $2 accepted_at ms, $3 step, $4 result
update chronos.step_ledger
set result = coalesce($4::json, 'null')
where run_id = $1::text
    and accepted_at = chronos.from_ms($2::bigint)
    and step = $3::text

-- name: ledger_result :maybe
-- After begin_ledger_entry said done, and after a commit whose outcome is unknown.
-- $1 run_id, $2 accepted_at ms, $3 step
select result, worker, chronos.to_ms(committed_at) as committed_ms
from chronos.step_ledger
where run_id = $1::text
    and accepted_at = chronos.from_ms($2::bigint)
    and step = $3::text

-- name: carry_ledger :exec
-- A run goes on from where another one ended: transactional steps that took effect there are found under the new run too, and
-- what a frozen worker is in the middle of there is ended without effect.
-- $1 the other run, $2 run_id, $3 accepted_at ms
select chronos.carry_ledger($1::text, $2::text, chronos.from_ms($3::bigint))
