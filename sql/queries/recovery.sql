-- Videos whose status says that somebody works on them while nobody does.

-- name: recover_stuck_videos :many
-- Takes some of those videos out of that state, the longest untouched first: says what is to be started again, or marks them
-- failed after the third time, and when the run that worked on them was cancelled (somebody wanted that). Whoever was
-- changed is not found again before its time, so asking until nothing comes ends.
--
-- Somebody works on a video when the run named in its metadata has not ended, or an event of the pipeline about it has a run
-- that has not, or is on its way. Such an event came with the last change of the video or after it; an hour is for the
-- clocks. `pending` waits for its first event: old ones are left alone, as is a creator who wants no automatic transcripts.
-- An upload may take a day.
-- $1 most videos at once
with stuck as (
    select v.id, v.creator_id, v.status, r.status as run_status,
           btrim(coalesce(v.transcript, ''), E' \t\n\r') <> '' as has_transcript,
           case when v.metadata ->> 'recovery_attempts' ~ '^\d{1,6}$'
               then (v.metadata ->> 'recovery_attempts')::integer else 0 end as attempts
    from public.videos v
    left join lateral (
        select runs.status from chronos.runs where runs.id = v.metadata ->> 'processing_run'
    ) r on true
    where v.status in ('pending', 'uploading', 'transcribing', 'processing', 'embedding')
        and not v.is_deleted
        and v.updated_at < now() - case v.status
            when 'uploading' then interval '24 hours'
            when 'pending' then interval '30 minutes'
            else interval '10 minutes' end
        and (v.status <> 'pending'
            or (v.created_at > now() - interval '7 days'
                and not exists (
                    select from public.creators c
                    where c.id = v.creator_id and c.settings ->> 'auto_transcribe' = 'false')))
        and not (r.status is null
            and v.metadata ->> 'processing_run' ~ '^[0-9A-HJKMNP-TV-Z]{26}$'
            and chronos.is_accepted_run(v.metadata ->> 'processing_run'))
        and not exists (
            select from chronos.events e
            cross join lateral unnest(e.run_ids) as live (id)
            where e.name in ('video/transcript.extract', 'video/transcribe.requested',
                             'video/transcription.completed')
                and e.accepted_at >= v.updated_at - interval '1 hour'
                and e.outcome = 'accepted'
                and lower(coalesce(e.data ->> 'videoId', e.data ->> 'video_id')) = v.id::text
                and not exists (select from chronos.runs ended where ended.id = live.id))
        and not exists (
            select from chronos.outbox o
            where o.created_at >= v.updated_at - interval '1 hour'
                and lower(coalesce(o.data ->> 'videoId', o.data ->> 'video_id')) = v.id::text)
    order by v.updated_at
    limit $1::integer
    for no key update of v skip locked
), decided as (
    select stuck.*,
           case
               when run_status = 'cancelled' then 'mark-cancelled'
               when attempts >= 3 then 'mark-failed'
               when has_transcript then 'retry-embeddings'
               else 'retry-transcript'
           end as action
    from stuck
)
update public.videos v
set status = case when d.action like 'mark-%' then 'failed' else v.status end,
    error_message = case d.action
        when 'mark-cancelled' then 'Processing was cancelled. Start it again when you want it.'
        when 'mark-failed' then format(
            'Processing stopped at "%s" and did not finish although it was started again three times. Try again'
            ' later; if it stops again, import the video once more.', d.status)
        else v.error_message end,
    processing_completed_at = case when d.action like 'mark-%' then now() else v.processing_completed_at end,
    metadata = chronos.merge_metadata(v.metadata, jsonb_build_object(
            'last_recovery_attempt', now(), 'last_recovery_action', d.action)
            || case when d.action like 'retry-%'
                   then jsonb_build_object('recovery_attempts', d.attempts + 1) else '{}' end)
        - case when d.action like 'mark-%' then array['processing_run', 'recovery_attempts']
              else array['processing_run'] end
from decided d
where v.id = d.id
returning v.id, v.creator_id, d.status, d.action, d.attempts + 1 as attempt
