#!lua flags=allow-oom
-- audit_slots: does everybody who holds a slot of this limit have a right to it? Promise 4. A script sees a state in which no
-- other is half way, so what it finds is wrong and is mended at once: the slot is given back.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:slots:<limit> set, <p>:run:<id> hash, <p>:ready:<fn> stream,
--   <p>:repairs hash (kind -> how often), <p>:unsettled set
-- ARGV[1] limit's name, ARGV[2] member after which to go on ("0" = from the first): SSCAN's cursor, ARGV[3] how many at once
-- reply {cursor, run id…}: the cursor to go on with ("0" = done), and the runs that held a slot wrongly
-- events none
local p, name, cursor, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

--- include now
--- include controls
--- include budget
--- include limits
--- include audit

local page = redis.call('SSCAN', p .. ':slots:' .. name, cursor, 'COUNT', most)
local reply = { page[1] }
for _, id in ipairs(page[2]) do
  if not has_right(id, name) then
    redis.call('SREM', p .. ':slots:' .. name, id)
    redis.call('SADD', p .. ':unsettled', name)
    redis.call('HINCRBY', p .. ':repairs', 'slot', 1)
    reply[#reply + 1] = id
  end
end
return reply
