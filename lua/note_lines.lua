#!lua flags=allow-oom
-- note_lines: rows for the archive that belong to no outcome: a step of a run that was cancelled meanwhile.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:history stream
-- ARGV[1] rows, as workers render them
-- reply {1}
-- events `lines`
local p, body = KEYS[1], ARGV[1]

--- include now
--- include history

history_add('lines', '', body)
return { 1 }
