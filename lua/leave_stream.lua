#!lua flags=allow-oom
-- leave_stream: entries that are dealt with are acknowledged and deleted, both or neither: one that is acknowledged and still there
-- belongs to nobody, and would stay for ever. (Two commands may be torn apart by the end of an append-only file.)
--
-- KEYS[1] the stream
-- ARGV[1] group, ARGV[2…] entry ids, some thousand at most
-- reply {number deleted}
-- events none
local stream, group = KEYS[1], ARGV[1]

redis.call('XACK', stream, group, unpack(ARGV, 2))
return { redis.call('XDEL', stream, unpack(ARGV, 2)) }
