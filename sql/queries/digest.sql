-- name: digest_page :many
-- What became of each creator's videos in the last seven days, some creators at a time.
-- $1 creator to start after, $2 most creators
select creator_id, count(*) filter (where status = 'completed') as completed,
       count(*) filter (where status = 'failed') as failed
from public.videos
where processing_completed_at >= now() - interval '7 days'
    and not is_deleted
    and creator_id > $1::uuid
group by creator_id
order by creator_id
limit $2::integer
