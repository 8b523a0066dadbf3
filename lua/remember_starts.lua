#!lua flags=allow-oom
-- remember_starts: runs that began before Redis lost its memory count for the rules of their function again.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:once:<fn>:<key> string, <p>:rate:<fn>:<key> zset
-- ARGV[1] function, then for each run:
--   run id, how long ago it began (ms), its rule `once` as enqueue takes it ("" for none), its rule `rate` ("" for none)
-- reply {number of runs}
-- events none
local p, fn = KEYS[1], ARGV[1]

--- include now
--- include flow

local count = 0
for at = 2, #ARGV, 4 do
  local id, elapsed_ms, once, rate = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  if once ~= '' then
    note_once(fn, id, once, elapsed_ms)
  end
  if rate ~= '' then
    note_rate(fn, id, rate, elapsed_ms)
  end
  count = count + 1
end
return { count }
