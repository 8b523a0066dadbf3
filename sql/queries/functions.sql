-- The functions known to the engine and its own settings.

-- name: save_function :exec
-- The scheduler, when a worker has published a function that is new or another one. An older version does not replace a newer one, so that a rolling
-- upgrade ends with the new manifest whoever starts last.
-- $1 id, $2 manifest, $3 version
insert into chronos.functions as f (id, manifest, version)
values ($1::text, $2::jsonb, $3::integer)
on conflict (id) do update
set manifest = excluded.manifest,
    version = excluded.version,
    updated_at = now()
where f.version <= excluded.version
    and (f.manifest, f.version) is distinct from (excluded.manifest, excluded.version)

-- name: set_meta :exec
-- $1 key, $2 value
insert into chronos.meta (key, value)
values ($1::text, $2::text)
on conflict (key) do update set value = excluded.value

-- name: set_meta_once :exec
-- What is there already stays.
-- $1 key, $2 value
insert into chronos.meta (key, value)
values ($1::text, $2::text)
on conflict (key) do nothing

-- name: get_meta :maybe
-- $1 key
select value
from chronos.meta
where key = $1::text
