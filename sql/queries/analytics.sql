-- The dashboards' figures, kept for every creator and range in analytics_cache.

-- name: list_creator_batches :one
-- Whose figures a run is going to compute, in the order of their ids: how many there are, and the last of each batch but the
-- last one's.
-- $1 creator id, null = all, $2 creators in a batch at least, $3 how many batches at most
select count(*) as creators,
       coalesce(json_agg(c.id order by c.n) filter (where c.n % c.size = 0 and c.n < c.total), '[]')::text as ends
from (
    select x.id, x.n, x.total, greatest($2::bigint, ceil(x.total / $3::numeric)::bigint) as size
    from (
        select id, row_number() over (order by id) as n, count(*) over () as total
        from public.creators
        where $1::uuid is null or id = $1::uuid
    ) x
) c

-- name: refresh_analytics :one
-- All ranges of a batch of creators, computed and kept. A creator that fails is in `errors`, the others are kept.
-- $1 creator id, null = all, $2 last creator of the batch before, null = none, $3 last one of this batch, null = all that follow,
-- $4 the moment they are computed for
select r.processed, r.entries, r.errors::text as errors
from chronos.refresh_analytics(
    array(
        select id
        from public.creators
        where ($1::uuid is null or id = $1::uuid)
            and ($2::uuid is null or id > $2::uuid)
            and ($3::uuid is null or id <= $3::uuid)
    ),
    chronos.from_ms($4::bigint)) r
