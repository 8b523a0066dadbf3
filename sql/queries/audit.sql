-- Who changed what.

-- name: write_audit :one
-- In the transaction of the change.
-- $1 who, $2 address, $3 action, $4 target, $5 details, $6 request
insert into chronos.audit as a (who, from_address, action, target, details, request_id)
values ($1::text, $2::text, $3::text, $4::text, $5::jsonb, $6::text)
returning a.id

-- name: list_audit :many
-- A page, newest first.
-- $1 before this id, $2 action, $3 target, $4 who; null: any. $5 most rows
select id, chronos.to_ms(at) as at_ms, who, from_address, action, target, details, request_id
from chronos.audit
where ($1::bigint is null or id < $1::bigint)
    and ($2::text is null or action = $2::text)
    and ($3::text is null or target = $3::text)
    and ($4::text is null or who = $4::text)
order by id desc
limit $5::integer
