-- The life of a video's chunks: replaced as a whole, then given their vectors in batches. A chunk's metadata carries
-- the hash of the whole text it was cut from and the model of its vector, so that the same work is not done twice.

-- name: count_chunks :one
-- How many chunks there are, how many have vectors, and how many of those were cut from this text.
-- $1 video id, $2 hash of the text, null = any
select count(*) as chunks,
       count(embedding) as embedded,
       count(*) filter (where embedding is not null
                        and ($2::text is null or metadata ->> 'transcript_hash' = $2::text)) as matching,
       min(metadata ->> 'embedding_model') as model
from public.video_chunks
where video_id = $1::uuid

-- name: delete_chunks :exec
-- Before new ones are stored, in the same transaction and under lock_video.
-- $1 video id
delete from public.video_chunks
where video_id = $1::uuid

-- name: insert_chunks :exec
-- All chunks of a video at once, without vectors.
-- $1 video id, $2 array of objects
insert into public.video_chunks (
    video_id, chunk_index, chunk_text, start_time_seconds, end_time_seconds, word_count, metadata
)
select $1::uuid, c.chunk_index, c.chunk_text, c.start_time_seconds, c.end_time_seconds, c.word_count, c.metadata
from json_to_recordset($2::json) as c (
    chunk_index integer, chunk_text text, start_time_seconds integer, end_time_seconds integer,
    word_count integer, metadata jsonb)

-- name: chunks_without_vectors :many
-- One batch for the embedder. A chunk that has its vector is left out: a repeated step pays only for the rest.
-- $1 video id, $2 first index, $3 number of indexes
select id, chunk_text
from public.video_chunks
where video_id = $1::uuid
    and chunk_index >= $2::integer
    and chunk_index < $2::integer + $3::integer
    and embedding is null
order by chunk_index

-- name: set_vectors :exec
-- Vectors go to the very rows whose text was embedded. Were the chunks replaced meanwhile, their ids are gone and
-- nothing is written, rather than a vector beside another text. The first chunk of the batch keeps what the batch
-- cost: a step that is repeated because its outcome was lost finds the account there.
-- $1 array of {id, vector}, $2 model, $3 first index, $4 account of the batch
update public.video_chunks c
set embedding = chronos.embedding_in(x.vector),
    metadata = chronos.merge_metadata(
        c.metadata,
        jsonb_build_object('embedding_model', $2::text)
            || case c.chunk_index when $3::integer then jsonb_build_object('embedding_batch', $4::jsonb)
                   else '{}' end)
from json_to_recordset($1::json) as x (id uuid, vector text)
where c.id = x.id

-- name: account_of_batch :maybe
-- What set_vectors wrote for this run before the step's outcome was lost.
-- $1 video id, $2 first index, $3 run id
select metadata -> 'embedding_batch' as account
from public.video_chunks
where video_id = $1::uuid
    and chunk_index = $2::integer
    and metadata -> 'embedding_batch' ->> 'run' = $3::text
limit 1
