-- Parts of a recording that speech recognition has answered (worker/heard_parts.c). They leave when a transcript is
-- published.

-- name: heard_part :maybe
-- Before a part is sent. What another run has paid for costs this one nothing.
-- $1 video id, $2 key, $3 run id
select segments, language, duration_seconds, case when run_id = $3::text then cost_usd else 0 end as cost_usd
from chronos.heard_parts
where video_id = $1::uuid
    and key = $2::text

-- name: keep_heard_part :exec
-- As soon as it is answered. No row when the video was deleted meanwhile.
-- $1 video id, $2 key, $3 run id, $4 segments, $5 language, $6 duration in seconds, $7 cost
insert into chronos.heard_parts (video_id, key, run_id, segments, language, duration_seconds, cost_usd)
select v.id, $2::text, $3::text, $4::json, $5::text, $6::double precision, $7::double precision
from public.videos v
where v.id = $1::uuid
for key share
on conflict (video_id, key) do nothing

-- name: drop_heard_parts_of_video :exec
-- With publish_transcript, and not as soon as a run has its transcript: a run that has lost the video must not take away what
-- the one that has it by now has paid for.
-- $1 video id
delete from chronos.heard_parts
where video_id = $1::uuid

-- name: drop_heard_parts :exec
-- Every hour: of videos that got no transcript.
delete from chronos.heard_parts
where heard_at < now() - interval '7 days'
