#!lua flags=allow-oom
-- rewind_stream: a stream that is empty and whose ids are ahead of the clock goes on from the clock. Redis never gives an id
-- below the last one, so an entry that somebody added with an id of its own would set the time of all that come later.
--
-- KEYS[1] the stream
-- ARGV[1] most ms that it may be ahead
-- reply {code}: 0 it is not ahead, or not there; 1 it goes on from the clock; 2 it is ahead, but not empty
-- events none
local stream, most_ms = KEYS[1], tonumber(ARGV[1])

--- include now

local info = redis.pcall('XINFO', 'STREAM', stream)
if info.err then
  return { 0 }
end
local facts = {}
for i = 1, #info, 2 do
  facts[info[i]] = info[i + 1]
end
if tonumber(string.match(facts['last-generated-id'], '^%d+')) <= now_ms + most_ms then
  return { 0 }
elseif facts.length > 0 then
  return { 2 }
end
local id = string.format('%d-0', now_ms)
redis.call('XSETID', stream, id)
for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  redis.call('XGROUP', 'SETID', stream, group[2], id)
end
return { 1 }
