-- What the console asks and keeps.

-- name: send_all :many
-- The events of a request, all or none; again with the same seed: what the first one gave, or no rows when it had other events.
-- $1 seed, null = none, $2 array of objects
select row_id, created_ms
from chronos.send_all($1::text, $2::json)
