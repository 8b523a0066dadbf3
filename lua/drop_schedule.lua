#!lua flags=allow-oom
-- drop_schedule: a function that is retired has no schedule any more, and no last tick: should it come back, it begins anew.
--
-- KEYS[1] partition prefix <p>, always that of partition 0; derived from it: <p>:schedules hash, <p>:cron hash (see watch_crons)
-- ARGV[1] function
-- reply {1}, {0} it had none
-- events none
local p, fn = KEYS[1], ARGV[1]

if redis.call('HEXISTS', p .. ':schedules', fn) == 0 then
  return { 0 }
end
redis.call('HSET', p .. ':schedules', fn, '-')
redis.call('HDEL', p .. ':cron', fn)
return { 1 }
