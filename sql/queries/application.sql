-- What the application's front end asks for: each answer is one function of migration 0012, of lists the newer one of 0020.

-- name: api_start_bulk :one
-- $1 delete, export or reprocess, $2 the request
select a.status, a.code, a.field, a.message, a.body
from chronos.api_start_bulk($1::text, $2::jsonb) a

-- name: api_bulk_status :one
-- $1 operation id
select a.status, a.code, a.field, a.message, a.body
from chronos.api_bulk_status($1::text) a

-- name: api_bulk_list :one
-- $1 creator id or null, $2 `next` of another page, a time or null, $3 most
select a.status, a.code, a.field, a.message, a.body
from chronos.api_bulk_list($1::text, $2::text, $3::integer) a

-- name: api_dashboard :one
-- $1 creator id, $2 start, $3 end
select a.status, a.code, a.field, a.message, a.body
from chronos.api_dashboard($1::text, $2::text, $3::text) a

-- name: api_video_status :one
-- $1 video id
select a.status, a.code, a.field, a.message, a.body
from chronos.api_video_status($1::text) a

-- name: api_video_list :one
-- $1 creator id or null, $2 statuses or null, $3 part of the title or null, $4 `next` of another page, a time or null, $5 most
select a.status, a.code, a.field, a.message, a.body
from chronos.api_video_list($1::text, $2::text, $3::text, $4::text, $5::integer) a

-- name: api_retry_video :one
-- $1 video id
select a.status, a.code, a.field, a.message, a.body
from chronos.api_retry_video($1::text) a

-- name: api_retry_stuck :one
select a.status, a.code, a.field, a.message, a.body
from chronos.api_retry_stuck() a

-- name: api_stuck_videos :one
select a.status, a.code, a.field, a.message, a.body
from chronos.api_stuck_videos() a

-- name: api_diagnostics :one
-- $1 video id
select a.status, a.code, a.field, a.message, a.body
from chronos.api_diagnostics($1::text) a

-- name: api_reprocess :one
-- $1 the request
select a.status, a.code, a.field, a.message, a.body
from chronos.api_reprocess($1::jsonb) a

-- name: api_send_check :exec
-- An event that no function waits for: can work be accepted?
select chronos.send('test/health-check', jsonb_build_object('at', now()))
