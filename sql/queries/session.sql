-- What a connection needs for itself.

-- name: configure_session :one
-- Right after connecting. A limit that the connection string itself sets (options=-c …) is kept. Returns the
-- statement timeout in force in milliseconds, 0 = none. client_connection_check_interval lets the server notice
-- that we dropped the connection while it works, which is how a statement is cancelled.
select
    max(set_config(s.name,
                   case when s.source = 'client' and s.name <> 'TimeZone' then current_setting(s.name)
                        else wanted.value end,
                   false)) as ignored,
    (select case when own.source = 'client' then own.setting::bigint else 60000 end
     from pg_catalog.pg_settings own
     where own.name = 'statement_timeout') as statement_timeout_ms
from (values ('statement_timeout', '60s'),
             ('lock_timeout', '10s'),
             ('idle_in_transaction_session_timeout', '5min'),
             ('client_connection_check_interval', '2s'),
             ('TimeZone', 'UTC'),
             ('DateStyle', 'ISO')) as wanted (name, value)
join pg_catalog.pg_settings s on s.name = wanted.name

-- name: ping :one
-- Is the server answering.
select 1 as alive
