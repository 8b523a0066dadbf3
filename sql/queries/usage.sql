-- What a creator used on a day (UTC).

-- name: add_usage :exec
-- Inside the transaction of the step that reports it, so it counts once. One statement: two jobs of a creator on
-- the same day both count.
-- $1 creator id, $2 credits, $3 minutes of transcription, $4 key of the list in the metadata, $5 entry for the list
insert into public.usage_metrics as u (
    creator_id, date, ai_credits_used, transcription_minutes, metadata
)
values ($1::uuid, (now() at time zone 'utc')::date, $2::integer, $3::numeric,
        chronos.append_metadata('{}', $4::text, $5::jsonb))
on conflict (creator_id, date) do update
set ai_credits_used = u.ai_credits_used + excluded.ai_credits_used,
    transcription_minutes = u.transcription_minutes + excluded.transcription_minutes,
    metadata = chronos.append_metadata(u.metadata, $4::text, $5::jsonb)
