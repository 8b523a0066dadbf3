#!lua flags=allow-oom
-- set_pause: a function is paused (nothing of it is admitted), drained (only runs that have begun are) or runs again. Waiting
-- work stays. What was admitted and no worker has taken yet goes back to waiting; what a worker holds when it lets go.
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
  redis.call('SADD', p .. ':unsettled', paused_name(fn, false), paused_name(fn, true))
  return { 0 }
end
redis.call('HSET', p .. ':controls', 'pause/' .. fn, mode)
if mode == 'drain' then
  redis.call('SADD', p .. ':unsettled', paused_name(fn, true)) -- it lets go what a pause held
end

-- The last entry that a worker was given; they are given in order.
local function last_delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, group in ipairs(groups.err and {} or groups) do
    local is = {}
    for i = 1, #group, 2 do
      is[group[i]] = group[i + 1]
    end
    if is.name == 'workers' then
      return is['last-delivered-id']
    end
  end
  return '0-0' -- no worker has ever asked
end

-- What stays, in a drain, is passed over: all that was admitted is looked at until so many are put back.
local stream, freed, put = p .. ':ready:' .. fn, {}, 0
local after, page = last_delivered(stream), nil
repeat
  page = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', most)
  for _, entry in ipairs(page) do
    after = entry[1]
    if put < most and put_back(entry[2][2], fn, freed) then
      redis.call('XDEL', stream, after)
      put = put + 1
    end
  end
until #page < most or put >= most
if next(freed) ~= nil then
  admit_waiting(freed, 4 * most + 16)
end
return { put >= most and 1 or 0 }
