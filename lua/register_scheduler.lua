#!lua flags=allow-oom
-- register_scheduler: from now on this scheduler may enqueue. Passes when Redis is full, since only schedulers empty it
-- again: one that is started then must be able to archive, fire timers and reap.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:schedulers hash   schedulers that may enqueue (id -> since)
-- ARGV[1] scheduler id
-- ARGV[2] since (ms)
-- reply {1} registered, {0} it was already
-- events none
local p, scheduler, since_ms = KEYS[1], ARGV[1], ARGV[2]

return { redis.call('HSETNX', p .. ':schedulers', scheduler, since_ms) }
