#!lua flags=allow-oom
-- set_weight: how many turns an owner gets for one of another's.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:controls hash (weight/<owner>)
-- ARGV[1] owner, ARGV[2] weight (above 0), "" = 1 again
-- reply {1}
-- events none
local p, owner, weight = KEYS[1], ARGV[1], ARGV[2]

if weight == '' then
  redis.call('HDEL', p .. ':controls', 'weight/' .. owner)
else
  redis.call('HSET', p .. ':controls', 'weight/' .. owner, weight)
end
return { 1 }
