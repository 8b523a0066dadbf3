-- What operators have set (scheduler/controls.c).

-- name: listen_controls :exec
listen chronos_controls

-- name: list_controls :many
-- All of it, in the order of the bytes. A part of 0: counted over all together.
select kind, name, value, coalesce(part, 0) as part
from chronos.controls
order by kind collate "C", name collate "C"

-- name: forget_controls :exec
-- Every hour: what was taken back so long ago that every scheduler has told Redis.
delete from chronos.controls
where value is null
    and updated_at < now() - interval '7 days'
