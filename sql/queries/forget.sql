-- The life of an order to forget a creator (scheduler/forget.c): given by chronos.forget, worked off again and again until
-- nothing is left.

-- name: next_forgotten :maybe
-- Every few seconds.
-- $1 order to start after
select id, creator
from chronos.forgotten
where done_at is null
    and id > $1::bigint
order by id
limit 1

-- name: count_live_of_creator :one
-- After they were cancelled: how many of the creator's runs have not been archived.
-- $1 creator
select count(*) as live
from chronos.events e
cross join lateral unnest(e.run_ids) as r (run_id)
where e.creator_id = $1::text
    and e.outcome = 'accepted'
    and not exists (select from chronos.runs done where done.id = r.run_id)

-- name: bound_erasure :exec
-- Before erase_creator, which looks through all of the history.
select set_config('statement_timeout', '30min', true)

-- name: erase_creator :one
-- When none is live.
-- $1 order
select chronos.erase_creator($1::bigint) as erased

-- name: count_erased_keys :exec
-- After that: what was removed from Redis.
-- $1 order, $2 keys and entries
update chronos.forgotten
set deleted = chronos.add_counts(deleted, jsonb_build_object('redis', $2::bigint))
where id = $1::bigint

-- name: finish_forgotten :exec
-- Nothing was left in either store.
-- $1 order
update chronos.forgotten
set done_at = clock_timestamp(),
    creator = null
where id = $1::bigint
