-- Functions, limits and figures as the console and the command line show them, and what is done to them.

-- name: list_functions :many
select f.id, f.manifest::text as manifest, f.version, chronos.to_ms(f.offered_at) as offered_ms, c.value as paused
from chronos.functions f
left join chronos.controls c on c.kind = 'pause' and c.name = f.id
order by f.id

-- name: list_overrides :many
-- Limits, budgets and weights that operators have set.
select kind, name, value, coalesce(part, 0) as part
from chronos.controls
where kind in ('limit', 'weight')
    and value is not null
order by kind, name

-- name: counted_functions :many
-- Those whose runs may have ended since: all there are, and those that were retired meanwhile.
-- $1 since ms
select f.id
from chronos.functions f
union
select c.function_id
from chronos.commands c
where c.kind = 'retire'
    and (c.applied_at is null or c.applied_at >= chronos.from_ms($1::bigint))

-- name: ended_by_function :many
-- How runs ended since, by function. The index on function and end is read for each function.
-- $1 functions as an array literal, $2 since ms
select f.id, n.status, n.n
from unnest($1::text[]) as f (id)
cross join lateral (
    select r.status, count(*) as n
    from chronos.runs r
    where r.function_id = f.id
        and r.finished_at >= chronos.from_ms($2::bigint)
        and r.accepted_at < now() + interval '1 day'
    group by r.status
) n

-- name: ended_by_minute :many
-- How runs ended since, by minute.
-- $1 functions as an array literal, $2 since ms
select floor(extract(epoch from n.finished_at) / 60)::bigint * 60000 as minute_ms, n.status, count(*) as n
from unnest($1::text[]) as f (id)
cross join lateral (
    select r.finished_at, r.status
    from chronos.runs r
    where r.function_id = f.id
        and r.finished_at >= chronos.from_ms($2::bigint)
) n
group by 1, 2
order by 1

-- name: failures_since :many
-- Those that are alike together, most frequent first.
-- $1 since ms, $2 most rows
select function_id, error_code, left(error_message, 300) as message, count(*) as n, chronos.to_ms(max(finished_at)) as last_ms,
       max(id) as run_id
from chronos.runs
where status = 'failed'
    and finished_at >= chronos.from_ms($1::bigint)
group by 1, 2, 3
order by 4 desc, 5 desc
limit $2::integer

-- name: pause_function :exec
-- $1 function
select chronos.pause($1::text)

-- name: drain_function :exec
-- $1 function
select chronos.drain($1::text)

-- name: resume_function :exec
-- $1 function
select chronos.resume($1::text)

-- name: trigger_function :one
-- $1 function
select chronos.trigger($1::text) as row_id

-- name: invoke_function :one
-- $1 function, $2 data
select chronos.invoke($1::text, $2::jsonb) as row_id

-- name: retire_function :one
-- $1 function
select chronos.retire($1::text) as row_id

-- name: set_limit :exec
-- $1 name, $2 owner or null, $3 maximum
select chronos.set_limit($1::text, $2::text, $3::integer)

-- name: clear_limit :exec
-- $1 name, $2 owner or null
select chronos.clear_limit($1::text, $2::text)

-- name: set_budget :exec
-- $1 owner, $2 US dollars or null
select chronos.set_budget($1::text, $2::numeric)

-- name: set_weight :exec
-- $1 owner, $2 weight or null
select chronos.set_weight($1::text, $2::numeric)
