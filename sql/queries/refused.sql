-- Rows of the history that Postgres refused (scheduler/refused.c).

-- name: keep_refused_row :exec
-- Each of them.
-- $1 query that it was sent with, $2 line as bytea, $3 why it was refused
insert into chronos.refused_rows (query, line, reason)
values ($1::text, $2::bytea, $3::text)
on conflict do nothing

-- name: next_refused_row :maybe
-- Every hour, until there is none.
-- $1 row to start after
select id, query, line
from chronos.refused_rows
where id > $1::bigint
order by id
limit 1
for update skip locked

-- name: drop_refused_row :exec
-- It is in its table.
-- $1 row
delete from chronos.refused_rows
where id = $1::bigint

-- name: delete_old_refused_rows :exec
-- Every hour.
-- $1 days to keep
delete from chronos.refused_rows
where refused_at < now() - $1::integer * interval '1 day'
