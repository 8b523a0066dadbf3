-- How the schema gets from one version to the next (engine/migrate.c).

-- name: has_migrations_table :one
-- Before anything else: an empty database has no table to ask.
select to_regclass('chronos.schema_migrations') is not null as present

-- name: lift_timeouts :exec
-- At the start of a migration's transaction: waiting for another migrator and building an index may both take
-- longer than any statement of normal work.
select set_config('statement_timeout', '0', true),
       set_config('lock_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true)

-- name: lock_migrations :exec
-- One migrator at a time; held until the transaction ends, so that it also works through a connection pooler.
select pg_advisory_xact_lock(7103914112066155891)

-- name: bound_lock_waits :exec
-- Once the migrators' lock is held: rather give up than let a waiting DDL statement block the application's
-- queries behind it.
select set_config('lock_timeout', '10s', true)

-- name: create_chronos_schema :exec
-- The first migrator of a database.
create schema if not exists chronos

-- name: create_migrations_table :exec
-- The first migrator of a database.
create table if not exists chronos.schema_migrations (
    version integer primary key,
    name text not null,
    breaking boolean not null,
    applied_at timestamptz not null default now()
)

-- name: applied_migrations :many
-- What the database has, oldest first.
select version, name, breaking
from chronos.schema_migrations
order by version

-- name: take_migration :exec
-- First statement of a migration, in its own transaction.
-- $1 version, $2 name, $3 breaking
insert into chronos.schema_migrations (version, name, breaking)
values ($1::integer, $2, $3::boolean)
