#!lua flags=allow-oom
-- keep_alive: a sign of life that ends by itself. Passes when Redis is full, the first one too: being full must not make
-- anybody look dead.
--
-- KEYS[1] the heartbeat, a string
-- ARGV[1] value
-- ARGV[2] time to live (ms)
-- reply {1}
-- events none
local beat, value, ttl_ms = KEYS[1], ARGV[1], ARGV[2]

redis.call('SET', beat, value, 'PX', ttl_ms)
return { 1 }
