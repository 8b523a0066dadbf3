#!lua flags=allow-oom
-- drop_consumer: remove a consumer that holds nothing. XGROUP DELCONSUMER throws pending entries away, so emptiness is
-- checked in the same script.
--
-- KEYS[1] the stream
-- ARGV[1] group, ARGV[2] consumer
-- reply {1} when it was removed or was not there, {0} when it still holds entries
-- events none
local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]

local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
if pending.err then
  return { 1 }
end
if pending[1] then
  return { 0 }
end
redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
return { 1 }
