-- The life of a video while it is transcribed and embedded.
--
-- `processing_run` in the metadata names the run that is working on the video. It is set when a run begins, taken
-- away when it hands the video on, and it decides two things: a run whose video is another's by now has been
-- superseded and leaves it alone (chronos.is_video_of_run), and its failure does not mark the video as failed.

-- name: find_video :maybe
-- First step of every run that works on one video; the caller tells missing, deleted and somebody else's apart.
-- $1 video id
select id, creator_id, title, status, is_deleted, coalesce(source_type, 'upload') as source_type, url,
       storage_path, youtube_video_id, mux_asset_id, mux_playback_id, embed_type, embed_id,
       whop_lesson_id, transcript_language, duration_seconds
from public.videos
where id = $1::uuid

-- name: lock_video :maybe
-- Before a run replaces the chunks: two runs on one video take turns.
-- $1 video id, $2 run id
select chronos.is_video_of_run(metadata, status, $2::text) as is_mine
from public.videos
where id = $1::uuid
    and not is_deleted
for no key update

-- name: is_video_of_run :one
-- After the last batch of vectors: is the video still what this run has claimed? One that is gone, or was handed on by an
-- extraction, is nobody's, and its chunks may be another run's.
-- $1 video id, $2 run id
select exists (
    select
    from public.videos
    where id = $1::uuid
        and not is_deleted
        and metadata ->> 'processing_run' = $2::text) as is_mine

-- name: claim_video :exec
-- A run begins to work on the video; what an earlier attempt left as its error goes away.
-- $1 video id, $2 status, $3 run id
update public.videos
set status = $2::text,
    error_message = null,
    processing_started_at = now(),
    processing_completed_at = null,
    metadata = chronos.merge_metadata(metadata, jsonb_build_object('processing_run', $3::text))
where id = $1::uuid
    and not is_deleted

-- name: set_video_status :exec
-- A run in the middle of its work, as long as the video is still its own.
-- $1 video id, $2 status, $3 run id
update public.videos
set status = $2::text
where id = $1::uuid
    and not is_deleted
    and chronos.is_video_of_run(metadata, status, $3::text)

-- name: save_transcript_of_run :exec
-- What a provider answered, before the step that asked is recorded. Running twice writes the same row. No row when the
-- video was deleted while the provider was asked.
-- $1 video id, $2 run id, $3 text, $4 segments, $5 language, $6 method, $7 duration in seconds, $8 cost,
-- $9 processing time ms
insert into chronos.transcripts (
    video_id, segments, language, method, duration_seconds, updated_at, text, run_id, cost_usd,
    processing_time_ms
)
select v.id, $4::json, $5::text, $6::text, $7::double precision, now(), $3::text, $2::text,
       $8::double precision, $9::bigint
from public.videos v
where v.id = $1::uuid
for key share
on conflict (video_id) do update
set segments = excluded.segments,
    language = excluded.language,
    method = excluded.method,
    duration_seconds = excluded.duration_seconds,
    updated_at = excluded.updated_at,
    text = excluded.text,
    run_id = excluded.run_id,
    cost_usd = excluded.cost_usd,
    processing_time_ms = excluded.processing_time_ms

-- name: transcript_of_run :maybe
-- Has this run asked the provider before?
-- $1 video id, $2 run id
select text, json_array_length(segments) as segment_count, language, method, duration_seconds, cost_usd,
       processing_time_ms
from chronos.transcripts
where video_id = $1::uuid
    and run_id = $2::text
    and text is not null

-- name: publish_transcript :exec
-- The transcript becomes the video's, which is handed on to the next run: nobody's until that one begins. Seconds
-- are rounded half up; an unknown duration or language leaves what is known. Should a superseded run have written its
-- transcript over ours, it is as good: both are of this video.
-- Only a newer extraction supersedes this one: one that is at work, or whose transcript came after ours. A run that makes
-- chunks of the old text meanwhile does not: the run that this one hands on to takes the video from it.
-- $1 video id, $2 run id, $3 metadata to merge
update public.videos v
set transcript = t.text,
    transcript_language = coalesce(nullif(t.language, ''), 'en'),
    duration_seconds = coalesce(nullif(floor(t.duration_seconds + 0.5)::integer, 0), v.duration_seconds),
    status = 'processing',
    metadata = chronos.merge_metadata(v.metadata, $3::jsonb) - 'processing_run'
from chronos.transcripts t
where v.id = $1::uuid
    and not v.is_deleted
    and t.video_id = v.id
    and (chronos.is_video_of_run(v.metadata, v.status, $2::text)
         or (t.run_id = $2::text and v.status in ('processing', 'embedding', 'completed', 'failed')))

-- name: video_text :maybe
-- What is to be cut into chunks: the text that came with the event, else the video's own; with the times of its
-- captions when they belong to exactly this text (somebody may have edited it).
-- $1 video id, $2 text of the event or null
select x.text, md5(x.text) as text_hash, v.duration_seconds,
       case when t.text = x.text then t.segments end as segments
from public.videos v
left join chronos.transcripts t on t.video_id = v.id
cross join lateral (select coalesce($2::text, v.transcript) as text) x
where v.id = $1::uuid

-- name: finish_video_unchanged :exec
-- All chunks of this text have their vectors already, and no run is busy changing that.
-- $1 video id
update public.videos
set status = 'completed',
    error_message = null,
    processing_completed_at = now(),
    metadata = chronos.merge_metadata(metadata, '{}') - 'recovery_attempts'
where id = $1::uuid
    and not is_deleted
    and status <> 'completed'
    and metadata ->> 'processing_run' is null

-- name: complete_video :exec
-- Chunks and vectors are there, and the video is still this run's. What it was recovered from is over.
-- $1 video id, $2 run id, $3 metadata to merge
update public.videos
set status = 'completed',
    error_message = null,
    processing_completed_at = now(),
    metadata = chronos.merge_metadata(metadata, $3::jsonb) - array['processing_run', 'recovery_attempts']
where id = $1::uuid
    and not is_deleted
    and chronos.is_video_of_run(metadata, status, $2::text)

-- name: fail_video :exec
-- A run has failed for good. Not when the video is complete: then another run finished it since, or the failed one
-- never got as far as touching it. Not when another run is working on it: that one will end it. A video waiting for
-- its first step, or failed before, belongs to nobody.
-- $1 video id, $2 creator id, $3 run id, $4 what failed (a label, may be empty), $5 message for people
update public.videos
set status = 'failed',
    error_message = left($4::text || $5::text, 1000),
    processing_completed_at = now(),
    metadata = chronos.merge_metadata(metadata, '{}') - 'processing_run'
where id = $1::uuid
    and creator_id = $2::uuid
    and not is_deleted
    and status <> 'completed'
    and (chronos.is_video_of_run(metadata, status, $3::text)
         or status in ('pending', 'uploading', 'failed'))
