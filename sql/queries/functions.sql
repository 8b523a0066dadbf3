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

-- name: delete_function :exec
-- It was retired: what was set for it is taken back, too.
-- $1 id
with gone as (
    delete from chronos.functions
    where id = $1::text
)
update chronos.controls
set value = null,
    updated_at = clock_timestamp()
where kind = 'pause'
    and name = $1::text
    and value is not null

-- name: note_offers :exec
-- Every few seconds: these functions are executed by a worker that lives.
-- $1 ids as an array literal
update chronos.functions
set offered_at = now()
where id = any ($1::text[])
    and (offered_at is null or offered_at < now() - interval '20 seconds')

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
