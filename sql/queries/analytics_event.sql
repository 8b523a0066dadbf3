-- What happened to a video, as the dashboard counts it.

-- name: log_video_event :exec
-- From the steps of a video's processing. Nothing is written for a video that is gone or is somebody else's: that is
-- no reason to fail a run.
-- $1 video id, $2 creator id, $3 event type, $4 metadata
insert into public.video_analytics_events (event_type, video_id, creator_id, metadata)
select $3::text, v.id, v.creator_id, $4::jsonb
from public.videos v
where v.id = $1::uuid
    and v.creator_id = $2::uuid

-- name: log_video_failure :exec
-- From the failure handlers. The list of event types has none for failures, so a failure is an event of the kind that
-- did not come about, marked `failed: true`; whoever counts events leaves those out.
-- $1 video id, $2 creator id, $3 event type, $4 message for people
insert into public.video_analytics_events (event_type, video_id, creator_id, metadata)
select $3::text, v.id, v.creator_id,
       jsonb_build_object('source_type', coalesce(v.source_type, 'upload'), 'error', left($4::text, 1000), 'failed', true)
from public.videos v
where v.id = $1::uuid
    and v.creator_id = $2::uuid
