-- What the scheduler asks of Postgres for its metrics, every 15 s: nothing here grows with the history.

-- name: metrics_server :one
-- How the server is. Rows of other users' connections are counted too; what they do is not read.
select (select count(*) from pg_stat_activity) as connections,
       current_setting('max_connections')::integer as connections_limit,
       coalesce((select max(extract(epoch from clock_timestamp() - xact_start))
                 from pg_stat_activity
                 where datname = current_database() and xact_start is not null
                     and pid <> pg_backend_pid()), 0) as oldest_transaction_seconds,
       pg_database_size(current_database()) as database_bytes

-- name: metrics_outbox :one
-- How many events wait to be sent, up to 10,000, and since when.
select count(*) as events, coalesce(extract(epoch from clock_timestamp() - min(o.created_at)), 0) as oldest_seconds
from (select created_at from chronos.outbox limit 10000) o

-- name: metrics_refused_rows :one
-- How many rows could not be stored, up to 10,000.
select count(*) as rows
from (select from chronos.refused_rows limit 10000) r

-- name: metrics_paused_providers :many
-- Outside services that all workers leave alone; see services.sql.
select value::jsonb ->> 'service' as service, value::jsonb ->> 'kind' as kind
from chronos.meta
where key like 'paused:%' and (value::jsonb ->> 'paused_until')::timestamptz > now() - interval '10 minutes'

-- name: metrics_canary :one
-- When the last canary run ended; the index runs_function answers it from the newest partitions.
select coalesce(extract(epoch from max(finished_at)), 0) as finished
from chronos.runs
where function_id = 'canary' and status = 'completed'
    and accepted_at > now() - interval '1 day' and finished_at > now() - interval '1 day'

-- name: metrics_rebuild :one
-- When live runs were last rebuilt from here; 0 = never.
select coalesce((select value::double precision / 1000 from chronos.meta where key = 'redis_rebuilt_ms'), 0) as rebuilt

-- name: metrics_owners_near_budget :one
-- Owners that have used four fifths of an hour's budget. $1 USD per hour, 0 = no budget
select count(*) as owners
from chronos.spending_last_hour
where $1::numeric > 0 and usd > 0.8 * $1::numeric
