-- Outside services that are paused for all workers: told to people here, decided in Redis. A row of chronos.meta each.

-- name: service_paused :exec
-- When a pause begins, or is made longer. A pause that ended before the one that is known is old news.
-- $1 service, $2 account, $3 kind, $4 reason, $5 failing since, $6 paused until (ms), $7 worker
insert into chronos.meta as m (key, value)
values ('paused:' || $1::text || ':' || $2::text,
        jsonb_build_object('service', $1::text, 'kind', $3::text, 'reason', $4::text,
                           'failing_since', chronos.from_ms($5::bigint),
                           'paused_until', chronos.from_ms($6::bigint), 'worker', $7::text)::text)
on conflict (key) do update
set value = excluded.value
where (m.value::jsonb ->> 'paused_until')::timestamptz
    <= (excluded.value::jsonb ->> 'paused_until')::timestamptz

-- name: service_back :exec
-- When it has answered.
-- $1 service, $2 account
delete from chronos.meta
where key = 'paused:' || $1::text || ':' || $2::text
