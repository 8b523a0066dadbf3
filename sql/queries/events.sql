-- The life of an event: accepted (or rejected) once, appended, never changed. Times go in as epoch milliseconds
-- where they are parameters and as timestamptz text in COPY.

-- name: copy_events :copy
-- The scheduler, a batch of events it has routed. A batch that meets a row which is there already (the reply to
-- the first try was lost) fails with a unique violation and is then sent row by row with insert_event.
copy chronos.events (
    id, accepted_at, stream_id, name, data, "user", v, ts, idempotency_key, creator_id, outcome,
    function_ids, run_ids
) from stdin

-- name: insert_event :exec
-- One event; harmless when it is there already.
-- $1 id, $2 accepted_at ms, $3 stream_id, $4 name, $5 data, $6 user, $7 v, $8 ts ms, $9 idempotency_key,
-- $10 creator_id, $11 outcome, $12 function_ids, $13 run_ids (array literals '{a,b}')
insert into chronos.events (
    id, accepted_at, stream_id, name, data, "user", v, ts, idempotency_key, creator_id, outcome,
    function_ids, run_ids
)
values ($1::text, chronos.from_ms($2::bigint), $3::text, $4::text, $5::json, $6::json, $7::text,
        chronos.from_ms($8::bigint), $9::text, $10::text, $11::text,
        coalesce($12::text[], '{}'), coalesce($13::text[], '{}'))
on conflict do nothing

-- name: copy_rejected_events :copy
-- The scheduler, a batch of stream entries that could not be read as events.
copy chronos.rejected_events (stream_id, rejected_at, reason, name, excerpt, size_bytes) from stdin

-- name: insert_rejected_event :exec
-- One rejected entry; harmless when it is there already.
-- $1 stream_id, $2 rejected_at ms, $3 reason, $4 name, $5 excerpt, $6 size_bytes
insert into chronos.rejected_events (stream_id, rejected_at, reason, name, excerpt, size_bytes)
values ($1::text, chronos.from_ms($2::bigint), $3::text, $4::text, $5::text, $6::integer)
on conflict do nothing

-- name: find_events_seen :many
-- Which idempotency keys were seen in the last 24 hours: one batch of keys, or all of them when Redis has lost
-- its memory of them.
-- $1 keys as an array literal, null = all
select idempotency_key, name, id, chronos.to_ms(accepted_at) as accepted_ms
from chronos.events
where idempotency_key is not null
    and outcome <> 'duplicate'
    and accepted_at > now() - interval '24 hours'
    and ($1::text[] is null or idempotency_key = any ($1::text[]))
order by accepted_at
