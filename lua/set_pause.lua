#!lua flags=allow-oom
-- set_pause: a function is paused (nothing of it is admitted), drained (only runs that have begun are) or runs again. Waiting
-- work stays. What was admitted and no worker has taken yet goes back to waiting; what a worker holds when it lets go.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:controls hash (pause/<fn>), <p>:ready:<fn> stream, <p>:run:<id> hash, and
--   what include/admit.lua names
-- ARGV[1] function, ARGV[2] pause, drain or run, ARGV[3] most entries to look at in this call, ARGV[4] entry to go on after, ""
--   at first. In a drain what stays would otherwise be looked at again and again.
-- reply {entry}: call again with that one; {""}: all were looked at
-- events none
local p, fn, mode, most, from = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] or ''

--- include now
--- include controls
--- include budget
--- include limits
--- include admit

if mode == 'run' then
  redis.call('HDEL', p .. ':controls', 'pause/' .. fn)
  redis.call('SADD', p .. ':unsettled', paused_name(fn, false), paused_name(fn, true))
  return { '' }
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

local function later(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  if a_ms ~= b_ms then
    return tonumber(a_ms) > tonumber(b_ms)
  end
  return tonumber(a_seq) > tonumber(b_seq)
end

-- What workers were given since the call before is theirs.
local stream = p .. ':ready:' .. fn
local after = last_delivered(stream)
if from ~= '' and later(from, after) then
  after = from
end
local page = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', most)
for _, entry in ipairs(page) do
  after = entry[1]
  if put_back(entry[2][2], fn) then
    redis.call('XDEL', stream, after)
  end
end
admit_waiting(4 * most + 16)
return { #page < most and '' or after }
