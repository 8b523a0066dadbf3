-- Whose work a video is.
-- breaking: no
--
-- Why: several runs may be started for one video, and the one that began last owns it. One function says so, as the
-- queries that save, complete and fail a video must agree on it.
--
-- Locks: nothing.

-- Is a video still the one this run began to work on? `processing_run` names the run that began last. Where nobody is
-- named, the run's own claim was either lost with the rest of the metadata, and the work goes on, or another run
-- finished the video since.
create function chronos.is_video_of_run(metadata jsonb, status text, run_id text) returns boolean
language sql immutable parallel safe
as $fn$
    select coalesce(metadata ->> 'processing_run' = run_id, status <> 'completed')
$fn$;
