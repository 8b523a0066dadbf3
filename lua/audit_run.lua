#!lua flags=allow-oom
-- audit_run: is each of these live runs somewhere where it will go on from, and does it hold the slots of the limits it
-- was admitted by? What is not so is mended at once (see audit_slots): a lost run waits for admission again, a missing
-- slot is taken.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash and where runs are (see include/), <p>:repairs hash
-- ARGV[1…] run ids
-- reply {run id, what was wrong, …}: run (it was nowhere), slots (it ran without)
-- events none
local p = KEYS[1]

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include audit

local reply = {}
local function repaired(id, what)
  redis.call('HINCRBY', p .. ':repairs', what, 1)
  reply[#reply + 1] = id
  reply[#reply + 1] = what
end

local function is_queued(id, fn, key)
  return redis.call('ZSCORE', p .. ':wait:' .. fn .. ':' .. key, id)
    or redis.call('ZSCORE', p .. ':wait:' .. fn .. '+:' .. key, id)
end

local function audit(id)
  local run = redis.call('HMGET', p .. ':run:' .. id,
    'fn', 'key', 'seq', 'limits', 'entry', 'done', 'wait', 'fan_next', 'st', 'begun', 'parent_run')
  local fn, key = run[1], run[2]
  if not fn or not key or not run[3] or run[6] then
    return
  end
  if is_ready(id, fn, run[5]) then
    if run[4] and take_slots(id, limits_in(run[4], key)) > 0 then
      repaired(id, 'slots')
    end
  elseif not run[7] and not run[8] and not is_queued(id, fn, key)
    and not redis.call('ZSCORE', p .. ':timers', id) then
    admit_or_wait(id, fn, key, tonumber(run[3]), (run[9] or run[10] or run[11]) and true or false, {})
    repaired(id, 'run')
  end
end

for _, id in ipairs(ARGV) do
  audit(id)
end
return reply
