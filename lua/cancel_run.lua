#!lua flags=allow-oom
-- cancel_run: a run ends before its time. One that a worker holds ends when the worker has let go of it; its result is
-- refused.
--
-- KEYS[1] partition prefix <p>; derived from it: what include/cancel.lua and the includes before it name
-- ARGV[1] run id, ARGV[2] why
-- reply {code}: 0 cancelled, 1 being cancelled (a worker holds it), 2 it has ended, 3 it is not here
-- events `cancelled`
local p, id, reason = KEYS[1], ARGV[1], ARGV[2]

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

local code = cancel_run(id, reason)
admit_waiting(64)
return { code }
