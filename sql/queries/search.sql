-- Search by meaning through what was said.

-- name: search_chunks :many
-- For a search box: the nearest pieces, with the videos they are in. Deleted videos are left out before the nearest are
-- chosen, so they take nobody's place.
-- $1 vector of the question as text, $2 how many, $3 least similarity (more than), $4 creator id, null = all creators'
select s.chunk_id, s.video_id, v.title, v.source_type, s.chunk_text, s.start_time_seconds, s.end_time_seconds, s.similarity
from chronos.search_video_chunks_text(
    $1::text, $2::integer, $3::double precision,
    array(select x.id from public.videos x where not x.is_deleted and ($4::uuid is null or x.creator_id = $4::uuid))) s
join public.videos v on v.id = s.video_id
order by s.similarity desc, s.chunk_id
