#!lua flags=allow-oom
-- set_override: an operator gives a limit of one owner (or any limit by its full name) another maximum. Takes effect on
-- waiting work at the next turn of the timers.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:controls hash (limit/<name>), <p>:unsettled set, <p>:tangled hash (see
--   include/admit.lua: more may hold it now than may)
-- ARGV[1] name of the limit, with its key, e.g. creator:<id>, ARGV[2] maximum (µUSD for a budget), "" = as the function says
-- reply {1}
-- events none
local p, name, max = KEYS[1], ARGV[1], ARGV[2]

if max == '' then
  redis.call('HDEL', p .. ':controls', 'limit/' .. name)
else
  redis.call('HSET', p .. ':controls', 'limit/' .. name, max)
end
redis.call('SADD', p .. ':unsettled', name)
if string.sub(name, 1, 3) == 'fn/' then
  redis.call('HSET', p .. ':tangled', name, '1')
end
return { 1 }
