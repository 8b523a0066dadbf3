-- Videos whose status says that somebody works on them while nobody does.

-- name: recover_stuck_videos :many
-- Takes some of those videos out of that state, the longest untouched first: says what is to be started again, or marks them
-- failed after the third time, and when the run that worked on them was cancelled (somebody wanted that). Whoever was
-- changed is not found again before its time, so asking until nothing comes ends.
--
-- $1 most videos at once
with stuck as (
    select v.id, v.creator_id, v.status,
           (select r.status from chronos.runs r where r.id = v.metadata ->> 'processing_run') as run_status,
           chronos.has_transcript(v) as has_transcript,
           case when v.metadata ->> 'recovery_attempts' ~ '^\d{1,6}$'
               then (v.metadata ->> 'recovery_attempts')::integer else 0 end as attempts
    from chronos.stuck_videos s
    join public.videos v on v.id = s.id
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
