-- Tables by day (scheduler/retention.c): partitions are made ahead, and leave whole when they are past their time.

-- name: ensure_partitions :exec
-- Every hour, first at start.
-- $1 days back, $2 days ahead
select chronos.ensure_partitions($1::integer, $2::integer) as made

-- name: part_old_rows :exec
-- Every hour, before the next ones.
-- $1 days to keep by table, as JSON
select chronos.part_old_rows($1::jsonb)

-- name: bound_retention :exec
-- Before settle_next_day, which reads a day's events.
select set_config('statement_timeout', '15min', true)

-- name: settle_next_day :one
-- Every hour, until it gives null: at most one day is new.
-- $1 the day that was judged last, null at first
select chronos.settle_next_day($1::date) as day

-- name: droppable_partitions :many
-- Every hour: those that are past their time and that nothing live needs, in the order in which they leave.
-- $1 days to keep by table, as JSON
select partition::text as partition
from chronos.droppable_partitions($1::jsonb)

-- name: drop_partition :exec
-- Each of them.
-- $1 its name
select chronos.drop_partition($1::text)

-- name: count_held_partitions :one
-- After that: how many live runs keep.
-- $1 days to keep by table, as JSON
select count(*) as held, min(day) as oldest
from chronos.held_partitions($1::jsonb)

-- name: delete_old_audit :one
-- Every hour, until it deletes fewer than it may. Rows of operators are few, so they are in no partitions: the oldest by id,
-- which are the oldest by time, are looked at.
-- $1 days to keep, $2 most rows
with oldest as materialized (
    select id, at
    from chronos.audit
    order by id
    limit $2::integer
),
deleted as (
    delete from chronos.audit a
    using oldest o
    where a.id = o.id
        and o.at < now() - $1::integer * interval '1 day'
    returning a.id
)
select count(*) as deleted
from deleted
