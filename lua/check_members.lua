#!lua flags=allow-oom
-- check_members: which runs stand in a queue, among the timers or in a ready stream, and are not there any more? They would be skipped;
-- what they show is that something was deleted by hand, or lost.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:wait:<queue> zset, <p>:timers zset, <p>:ready:<fn> stream, <p>:run:<id> hash
-- ARGV[1] the place, as wait:<queue>, timers or ready:<fn>; ARGV[2] the cursor: "0" = from the first; ARGV[3] how many at once
-- reply {cursor, run id…}: the cursor to go on with ("0" = done), and the runs that are not there
-- events none
local p, place, cursor, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

local reply = { '0' }
local function check(id)
  if redis.call('HEXISTS', p .. ':run:' .. id, 'fn') == 0 then
    reply[#reply + 1] = id
  end
end

if string.find(place, '^ready:') then
  local from = cursor == '0' and '-' or '(' .. cursor
  local entries = redis.call('XRANGE', p .. ':' .. place, from, '+', 'COUNT', most)
  for _, entry in ipairs(entries) do
    check(entry[2][2])
  end
  if #entries == most then
    reply[1] = entries[most][1]
  end
else
  local page = redis.call('ZSCAN', p .. ':' .. place, cursor, 'COUNT', most)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do
    if not string.find(page[2][i], '/', 1, true) then
      check(page[2][i])
    end
  end
end
return reply
