#!lua flags=allow-oom
-- make_group: a consumer group that reads a stream from its beginning, and the stream with it. Passes when Redis is full: only
-- daemons that have started empty it again.
--
-- KEYS[1] the stream
-- ARGV[1] the group
-- reply {1} made, {0} it is there
-- events none
local stream, group = KEYS[1], ARGV[1]

local made = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
return { made.err and 0 or 1 }
