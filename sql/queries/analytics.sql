-- The dashboards' figures, kept for every creator and range in analytics_cache.

-- name: count_creators :one
-- Whose figures a run is going to compute.
-- $1 creator id, null = all
select count(*) as creators
from public.creators
where $1::uuid is null or id = $1::uuid

-- name: next_creators :one
-- The creators of a batch, in the order of their ids; `last` is null when there are no more.
-- $1 creator id, null = all, $2 last creator of the batch before, null = the first batch, $3 creators in a batch
select coalesce(array_agg(c.id order by c.id), '{}')::text as ids,
       (array_agg(c.id order by c.id desc))[1]::text as last,
       count(*) as count
from (
    select id
    from public.creators
    where ($1::uuid is null or id = $1::uuid)
        and ($2::uuid is null or id > $2::uuid)
    order by id
    limit $3::integer
) c

-- name: refresh_analytics :one
-- All ranges of a batch of creators, computed and kept. A creator that fails is in `errors`, the others are kept.
-- $1 array of creator ids, $2 the moment they are computed for
select r.processed, r.entries, r.errors::text as errors
from chronos.refresh_analytics($1::uuid[], chronos.from_ms($2::bigint)) r
