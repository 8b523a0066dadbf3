-- What a connection needs for itself.

-- name: configure_session :one
-- Right after connecting. A limit that the connection string itself sets (options=-c …) is kept. Returns the
-- statement timeout in force in milliseconds, 0 = none. client_connection_check_interval lets the server notice
-- that we dropped the connection while it works, which is how a statement is cancelled. Without jit: for our statements
-- compiling costs more than it saves, and each session that has done it once keeps some megabytes for it. Cursors are read to
-- their ends: a plan that is quick only to its first rows takes fifty times as long over a long history.
with before as materialized (
    select s.name, s.setting, wanted.value, s.source = 'client' and not forced as keep
    from (values ('statement_timeout', '60s', false),
                 ('lock_timeout', '10s', false),
                 ('idle_in_transaction_session_timeout', '5min', false),
                 ('client_connection_check_interval', '2s', false),
                 ('jit', 'off', false),
                 ('cursor_tuple_fraction', '1', false),
                 ('TimeZone', 'UTC', true),
                 ('DateStyle', 'ISO', true)) as wanted (name, value, forced)
    join pg_catalog.pg_settings s on s.name = wanted.name
)
select
    count(case when not keep then set_config(name, value, false) end) as changed,
    max(case when name <> 'statement_timeout' then null
             when keep then setting::bigint
             else 60000 end) as statement_timeout_ms
from before

-- name: ping :one
-- Is the server answering.
select 1 as alive
