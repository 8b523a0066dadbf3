#!lua flags=allow-oom
-- offer_functions: which functions a worker executes, so that people can be told when nobody does. Only as good as the worker's
-- heartbeat: who reads it asks for that, too.
--
-- KEYS[1] chronos:offers hash (worker -> ids of functions, separated by spaces)
-- ARGV[1] worker id, ARGV[2] its functions; "" = it has ended
-- reply {1}
-- events none
local offers, worker, functions = KEYS[1], ARGV[1], ARGV[2]

if functions == '' then
  redis.call('HDEL', offers, worker)
else
  redis.call('HSET', offers, worker, functions)
end
return { 1 }
