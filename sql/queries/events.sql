-- The life of an event: accepted (or rejected) once, appended, never changed. Times go in as epoch milliseconds
-- where they are parameters and as timestamptz text in COPY.

-- name: copy_events :copy
-- The scheduler, a batch of events it has routed. A batch that meets a row which is there already (the reply to
-- the first try was lost) fails with a unique violation and is then halved until the row is found and
-- left out (scheduler/copy_lines.c).
copy chronos.events (
    id, accepted_at, stream_id, name, data, "user", v, ts, idempotency_key, creator_id, outcome,
    function_ids, run_ids, retry_of, replay_of, parent, traceparent
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

-- name: find_recorded_events :many
-- Which of these events are here: they were delivered again, and all that they do has been done.
-- $1 event ids as an array literal
select id
from chronos.events
where id = any ($1::text[])

-- name: find_events_named :many
-- Events of a name in the order of their acceptance, a page, for a run that waits for one that may have come since it began.
-- Those that were for one function only, and those that started nothing because their id was known, are heard by nobody.
-- $1 name, $2 accepted_at ms to start from, $3 event id to start after, of that time, $4 most rows
select id, name, data, "user", v, traceparent, chronos.to_ms(ts) as ts_ms, chronos.to_ms(accepted_at) as accepted_ms
from chronos.events
where name = $1::text
    and accepted_at >= chronos.from_ms($2::bigint)
    and (accepted_at, id) > (chronos.from_ms($2::bigint), $3::text)
    and outcome <> 'duplicate'
    and retry_of is null
    and replay_of is null
order by accepted_at, id
limit $4::integer
