#!lua flags=allow-oom
-- claim: take admitted runs for a worker and read all it needs to run them, in one round trip. The pending entry that
-- XREADGROUP makes is the lease. Never more than asked for, over all functions together.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:run:<id> hash,
--   <p>:input:<id> string, <p>:steps:<id> hash
-- ARGV[1] worker id, ARGV[2] most runs, ARGV[3…] functions, in the order in which they are looked at
-- reply {{index of the function from 0, entry id, run id, hash flat, input, steps flat}…}
--   an entry whose run is gone (deleted by hand) has an empty hash
-- events none
local p, worker, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

local reply = {}
for f = 3, #ARGV do
  local room = most - #reply
  if room <= 0 then
    break
  end
  local stream = p .. ':ready:' .. ARGV[f]
  local found = redis.call('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', room, 'STREAMS', stream, '>')
  if found then
    for _, entry in ipairs(found[1][2]) do
      local id = entry[2][2]
      reply[#reply + 1] = {
        f - 3, entry[1], id,
        redis.call('HGETALL', p .. ':run:' .. id),
        redis.call('GET', p .. ':input:' .. id),
        redis.call('HGETALL', p .. ':steps:' .. id),
      }
    end
  end
end
return reply
