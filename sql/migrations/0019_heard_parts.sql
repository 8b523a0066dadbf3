-- What speech recognition has answered for the parts of a recording whose whole is not done yet.
-- breaking: no
--
-- Why: a recording of three hours is heard in eighteen parts, each paid for. When one of them fails for good, or the worker is
-- killed, the others are not asked for again: not by the next attempt, and not by another run of the video. A part is known
-- by what was sent (its sound, the model, the language), so that the parts of a file that was replaced are not mixed up.
--
-- The rows of a video leave with its transcript, with the video, or after a week.
--
-- Locks: public.videos against writes for a moment, for the foreign key.

create table chronos.heard_parts (
    video_id uuid not null references public.videos on delete cascade,
    key text not null,
    run_id text not null, -- who paid for it
    segments json not null,
    language text,
    duration_seconds double precision not null,
    cost_usd double precision not null,
    heard_at timestamptz not null default now(),
    primary key (video_id, key)
);
