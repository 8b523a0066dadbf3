-- Events and rejected entries as the console and the command line show them.

-- name: list_events :many
-- A page, newest first.
-- $1 before this id, $2 name, $3 accepted at or after ms, $4 accepted before ms; null: any. $5 most rows
select id, name, data, "user", v, idempotency_key, chronos.to_ms(ts) as ts_ms, chronos.to_ms(accepted_at) as accepted_ms, creator_id,
       outcome, to_json(run_ids) as run_ids, to_json(function_ids) as function_ids, retry_of, replay_of
from chronos.events
where ($1::text is null or id < $1::text)
    and ($2::text is null or name = $2::text)
    and ($3::bigint is null or accepted_at >= chronos.from_ms($3::bigint))
    and ($4::bigint is null or accepted_at < chronos.from_ms($4::bigint))
order by id desc
limit $5::integer

-- name: get_event :maybe
-- $1 id
select id, name, data, "user", v, idempotency_key, chronos.to_ms(ts) as ts_ms, chronos.to_ms(accepted_at) as accepted_ms, creator_id,
       outcome, to_json(run_ids) as run_ids, to_json(function_ids) as function_ids, retry_of, replay_of
from chronos.events
where id = $1::text
limit 1

-- name: new_events :many
-- What was recorded since, with a margin as they are not recorded in the order of their ids.
-- $1 the least id, $2 most rows
select id, name, chronos.to_ms(accepted_at) as accepted_ms, creator_id, outcome, to_json(run_ids) as run_ids,
       to_json(function_ids) as function_ids
from chronos.events
where id > $1::text
    and accepted_at > now() - interval '1 hour'
order by id
limit $2::integer

-- name: list_rejected :many
-- A page, newest first, with when each was sent again.
-- $1 before this time (ms) and $2 this entry, null: from the newest; $3 most rows
select r.stream_id, chronos.to_ms(r.rejected_at) as rejected_ms, r.reason, r.name, r.excerpt, r.size_bytes,
       chronos.to_ms(a.at) as resent_ms, a.who, a.details ->> 'outbox_id' as outbox_id
from chronos.rejected_events r
left join lateral (
    select at, who, details
    from chronos.audit
    where target = r.stream_id
        and action = 'rejected.resend'
    order by id desc
    limit 1
) a on true
where $1::bigint is null
    or (r.rejected_at, r.stream_id) < (chronos.from_ms($1::bigint), $2::text)
order by r.rejected_at desc, r.stream_id desc
limit $3::integer

-- name: get_rejected :maybe
-- $1 id of the stream's entry
select r.stream_id, chronos.to_ms(r.rejected_at) as rejected_ms, r.reason, r.name, r.excerpt, r.size_bytes,
       chronos.to_ms(a.at) as resent_ms, a.who, a.details ->> 'outbox_id' as outbox_id
from chronos.rejected_events r
left join lateral (
    select at, who, details
    from chronos.audit
    where target = r.stream_id
        and action = 'rejected.resend'
    order by id desc
    limit 1
) a on true
where r.stream_id = $1::text
limit 1

-- name: count_rejected :one
-- Of the last day.
select count(*) as n
from chronos.rejected_events
where rejected_at > now() - interval '1 day'

-- name: resend_event :one
-- $1 name, $2 data, $3 id, $4 ts ms, $5 user, $6 v
select chronos.send($1::text, $2::jsonb, $3::text, chronos.from_ms($4::bigint), $5::jsonb, $6::text) as row_id
