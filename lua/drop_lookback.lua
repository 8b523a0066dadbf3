#!lua flags=allow-oom
-- drop_lookback: the earlier events have been looked through for these listeners.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:lookbacks set
-- ARGV[1…] listener ids
-- reply {number dropped}
-- events none
local p = KEYS[1]

return { redis.call('SREM', p .. ':lookbacks', unpack(ARGV)) }
