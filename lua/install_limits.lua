#!lua flags=allow-oom
-- install_limits: a function's limits as its workers published them. Runs wait under the name of the limit that was full;
-- when limits change, that one may be gone, or have room, so the given names get another turn (see fire_timers): nobody who
-- could run is left waiting. Passes when Redis is full: a scheduler that starts then says again what is there.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:limits hash, <p>:unsettled set
-- ARGV[1] function
-- ARGV[2] its template: lines of "<max> <name>"
-- ARGV[3…] names of limits behind which somebody may wait, in batches of any size
-- reply {1} the template is new or another one, {0} it was there already
-- events none
local p, fn, template = KEYS[1], ARGV[1], ARGV[2]

local before = redis.call('HGET', p .. ':limits', fn)
if before ~= template then
  redis.call('HSET', p .. ':limits', fn, template)
end
for i = 3, #ARGV do
  redis.call('SADD', p .. ':unsettled', ARGV[i])
end
return { before == template and 0 or 1 }
