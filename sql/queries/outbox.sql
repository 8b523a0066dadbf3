-- The life of an outbox row (scheduler/outbox.c): written by chronos.send and its relatives, sent to Redis, deleted when
-- chronos.events has its event. Until then it can be sent again, which starts nothing twice, as its event's id stays.

-- name: listen_outbox :exec
listen chronos_outbox

-- name: bound_outbox :exec
-- First statement of a batch: a scheduler that is frozen in the middle of one gives its rows to the others.
select set_config('idle_in_transaction_session_timeout', '10s', true),
       set_config('statement_timeout', '30s', true)

-- name: take_outbox :many
-- Rows to be sent, locked until the transaction ends. What another scheduler has locked is left to it.
-- What repeats a run goes on in its trace, which is that of the event that began it.
-- $1 most rows
select o.id, chronos.to_ms(o.created_at) as created_ms, o.name, o.data, o.idempotency_key, chronos.to_ms(o.ts) as ts_ms,
       o."user", o.v, o.function_id, o.retry_of, o.replay_of,
       began.id as began_with, began.traceparent as began_trace
from chronos.outbox o
left join lateral (
    select e.id, e.traceparent
    from chronos.events e
    where e.id between left(coalesce(o.retry_of, o.replay_of), 10) || repeat('0', 16)
            and left(coalesce(o.retry_of, o.replay_of), 10) || repeat('Z', 16)
        and coalesce(o.retry_of, o.replay_of) = any (e.run_ids)
    order by e.id
    limit 1
) began on coalesce(o.retry_of, o.replay_of) is not null
where o.event_id is null
order by o.id
limit $1::integer
for update of o skip locked

-- name: mark_outbox_sent :exec
-- They are in the stream. Recording takes a moment: they are looked for after that.
-- $1 row ids, $2 event ids, $3 ids of stream entries, as array literals
update chronos.outbox o
set event_id = s.event_id,
    stream_id = s.stream_id,
    look_at = now() + interval '500 milliseconds',
    missed = false
from unnest($1::bigint[], $2::text[], $3::text[]) as s (id, event_id, stream_id)
where o.id = s.id

-- name: look_for_outbox :many
-- Sent rows whose time to be looked for has come, locked until the transaction ends. The subqueries are asked row by row, each
-- of the one partition that the event's time names. An event that was refused is done with as well.
-- $1 most rows
select o.id, o.event_id, o.stream_id, o.missed, octet_length(o.data::text) as bytes,
       exists (
           select from chronos.events e
           where e.id = o.event_id
               and e.accepted_at = chronos.from_ms(chronos.to_ms(o.created_at))
           offset 0
       ) or exists (
           select from chronos.rejected_events r
           where r.stream_id = o.stream_id
           offset 0
       ) as recorded
from chronos.outbox o
where o.event_id is not null
    and o.look_at <= now()
order by o.look_at
limit $1::integer
for update of o skip locked

-- name: delete_outbox :exec
-- $1 row ids as an array literal
delete from chronos.outbox
where id = any ($1::bigint[])

-- name: look_later_for_outbox :exec
-- $1 row ids as an array literal, $2 ms from now, $3 the entry was not in the stream any more
update chronos.outbox
set look_at = now() + $2::bigint * interval '1 millisecond',
    missed = $3::boolean
where id = any ($1::bigint[])

-- name: send_outbox_again :exec
-- Redis has lost them.
-- $1 row ids as an array literal
update chronos.outbox
set event_id = null,
    stream_id = null,
    look_at = null,
    missed = false
where id = any ($1::bigint[])
