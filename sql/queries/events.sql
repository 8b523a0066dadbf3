-- The life of an event: accepted (or rejected) once, appended, never changed. Times go in as epoch milliseconds
-- where they are parameters and as timestamptz text in COPY.

-- name: copy_events :copy
-- The scheduler, a batch of events it has routed. A batch that meets a row which is there already (the reply to
-- the first try was lost) fails with a unique violation and is then halved until the row is found and
-- left out (scheduler/copy_lines.c).
copy chronos.events (
    id, accepted_at, stream_id, name, data, "user", v, ts, idempotency_key, creator_id, outcome,
    function_ids, run_ids
) from stdin

-- name: copy_rejected_events :copy
-- The scheduler, a batch of stream entries that could not be read as events.
copy chronos.rejected_events (stream_id, rejected_at, reason, name, excerpt, size_bytes) from stdin

-- name: find_events_seen :many
-- Which idempotency keys were seen lately, a page in the order of acceptance, when Redis has lost its memory of them.
-- $1 accepted_at ms since when, $2 event id to start after, $3 most rows
select idempotency_key, id, chronos.to_ms(accepted_at) as accepted_ms
from chronos.events
where idempotency_key is not null
    and outcome <> 'duplicate'
    and accepted_at > chronos.from_ms($1::bigint)
    and id > $2::text
order by id
limit $3::integer
