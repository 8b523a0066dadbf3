#!lua flags=allow-oom
-- resume_run: what a run waits for has come: the output of a function it invoked, or word that there will be none.
--
-- KEYS[1] partition prefix <p>; derived from it: what include/resume.lua names
-- ARGV[1] run id, ARGV[2] step, ARGV[3] ok or error, ARGV[4] JSON, ARGV[5] rows for the archive ("" for none)
-- reply {1}, or {0}: it does not wait for that step's result (any more)
-- events `lines`
local p, id, step, word, json, body = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include history
--- include listen
--- include finish
--- include branches
--- include cancel
--- include flow
--- include collect
--- include resume

return { resume_run(id, step, word == 'ok' and step or 'error:' .. step, json, body) ~= nil and 1 or 0 }
