-- What a paid transcription produced, kept so that it is paid for once, and the merging of metadata.
-- breaking: no
--
-- Why: a step's result is small, so the text of a transcript waits here until the next step moves it into
-- public.videos. `run_id` says who fetched it: a run that was interrupted after the provider answered and before
-- its step was recorded finds its own row and does not pay a second time.
--
-- Locks: chronos.transcripts for a moment; columns without a default rewrite nothing.

alter table chronos.transcripts
    add column text text,
    add column run_id text,
    add column cost_usd double precision,
    add column processing_time_ms bigint;

-- Metadata belongs to the application as much as to the engine: keys are added, the rest is kept. What is not an
-- object (the column allows null and anything else) counts as empty.
create function chronos.merge_metadata(old jsonb, new jsonb) returns jsonb
language sql immutable parallel safe
as $fn$
    select case jsonb_typeof(old) when 'object' then old else '{}' end || new
$fn$;

-- Adds an entry to the list under a key. The old application once wrote a single object where a list belongs: it
-- becomes the list's first entry.
create function chronos.append_metadata(old jsonb, key text, entry jsonb) returns jsonb
language sql immutable parallel safe
as $fn$
    select chronos.merge_metadata(old, jsonb_build_object(
        key,
        case jsonb_typeof(old -> key)
            when 'array' then old -> key
            when 'object' then jsonb_build_array(old -> key)
            else '[]'
        end || jsonb_build_array(entry)))
$fn$;
