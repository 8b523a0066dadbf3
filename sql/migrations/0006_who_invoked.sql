-- Who waits for the run that an event starts.
-- breaking: no
--
-- Why: a step may invoke another function and wait for what it gives. When Redis has lost everything, the invoked run is
-- rebuilt and has to tell its outcome to the same step as before.
--
-- Locks: chronos.events for a moment; a column without a default rewrites nothing.

alter table chronos.events
    add column parent text; -- partition, run and step, a line each
