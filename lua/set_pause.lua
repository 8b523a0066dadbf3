#!lua flags=allow-oom
-- set_pause: a function is paused (nothing of it is admitted), drained (only runs that have begun are) or runs again. Waiting
-- work stays. What was admitted and no worker has taken yet goes back to waiting.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:controls hash (pause/<fn>), <p>:ready:<fn> stream, <p>:run:<id> hash, and
--   what include/admit.lua names
-- ARGV[1] function, ARGV[2] pause, drain or run, ARGV[3] most entries to put back in this call
-- reply {left}: 1 = there is more to put back, call again
-- events none
local p, fn, mode, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

--- include now
--- include controls
--- include budget
--- include limits
--- include admit

if mode == 'run' then
  redis.call('HDEL', p .. ':controls', 'pause/' .. fn)
  redis.call('SADD', p .. ':unsettled', 'paused/' .. fn)
  return { 0 }
end
redis.call('HSET', p .. ':controls', 'pause/' .. fn, mode)
-- who waits behind it is looked at: a drain lets go what a pause held
redis.call('SADD', p .. ':unsettled', 'paused/' .. fn)

-- The entries that no worker was given, oldest first.
local function undelivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, group in ipairs(groups.err and {} or groups) do
    for i = 1, #group, 2 do
      if group[i] == 'last-delivered-id' then
        return redis.call('XRANGE', stream, '(' .. group[i + 1], '+', 'COUNT', most)
      end
    end
  end
  return {}
end

local freed, entries = {}, undelivered(p .. ':ready:' .. fn)
for _, entry in ipairs(entries) do
  local id = entry[2][2]
  local run = redis.call('HMGET', p .. ':run:' .. id, 'key', 'seq', 'limits', 'st', 'begun', 'parent_run')
  local begun = (run[4] or run[5] or run[6]) and true or false
  if run[1] and not (mode == 'drain' and begun) then
    redis.call('XDEL', p .. ':ready:' .. fn, entry[1])
    redis.call('HSET', p .. ':run:' .. id, 'entry', '')
    release_slots(id, limits_held(fn, run[1], run[3]), freed)
    admit_or_wait(id, fn, run[1], tonumber(run[2]), begun, {})
  end
end
if next(freed) ~= nil then
  admit_waiting(freed, 4 * most + 16)
end
return { mode == 'pause' and #entries == most and 1 or 0 }
