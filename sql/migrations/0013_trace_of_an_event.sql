-- Why: the W3C trace context that an event came with, so that its runs keep their trace when Redis has lost them, and a retry or
-- replay goes on in the trace of the run that it repeats.
-- breaking: no
--
-- Locks: chronos.events for a moment; a column without a default rewrites nothing. A binary of the version before
-- names its columns and goes on as it did.

alter table chronos.events add column traceparent text;

comment on column chronos.events.traceparent is 'W3C trace context that came with the event; null = its trace follows from its id';
