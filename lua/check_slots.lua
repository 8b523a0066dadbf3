#!lua flags=allow-oom
-- check_slots: who holds a slot of this limit without a right to it? As audit_slots, but for people: nothing is mended.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:slots:<limit> set, <p>:run:<id> hash, <p>:ready:<fn> stream
-- ARGV[1] limit's name, ARGV[2] SSCAN's cursor ("0" = from the first), ARGV[3] how many at once
-- reply {cursor, run id…}: the cursor to go on with ("0" = done), and the runs that hold a slot wrongly
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
    reply[#reply + 1] = id
  end
end
return reply
