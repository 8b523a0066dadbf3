-- cancel: a run ends before its time, wherever it is. One that a worker holds is only marked (field `cancel`): it keeps its
-- slots until the worker has let go of it or is dead, so that what runs is never more than what holds a slot; its result is
-- refused then. Adds to <p>:events `inngest/function.cancelled`.
local CANCELLED, CANCELLING, ENDED, NOT_HERE = 0, 1, 2, 3

local function emit_cancelled(id, fn, reason)
  local input = redis.call('GET', p .. ':input:' .. id) or 'null'
  local member = string.sub(input, 1, 1) == '[' and 'events' or 'event'
  -- not string.format, which ends a text at its first NUL
  redis.call('XADD', p .. ':events', '*', 'name', 'inngest/function.cancelled', 'data', '{"function_id":"chronos-' .. fn
    .. '","run_id":"' .. id .. '","reason":' .. cjson.encode(reason) .. ',"' .. member .. '":' .. input .. '}')
end

-- XPENDING's row when a worker holds the run, else nil. Nobody does before the first worker has made the group.
local function lease_of(run)
  local pending = redis.pcall('XPENDING', p .. ':ready:' .. run.fn, 'workers', run.entry, run.entry, 1)
  return pending.err == nil and pending[1] or nil
end

-- A worker has had the run for `idle_ms`. When it has stored nothing the run began with that.
local function note_start(id, idle_ms)
  redis.call('HSETNX', p .. ':run:' .. id, 'st', string.format('%d', now_ms - idle_ms))
end

-- The run holds no lease any more.
local function end_cancelled(id, run, reason)
  local run_key = p .. ':run:' .. id
  release_slots(id, limits_held(run.fn, run.key, run.limits))
  if run.parent_run then
    end_branch(id, run.parent_run)
    return
  end
  local last = redis.call('HGET', run_key, 'last')
  local lease = last and lease_of({ fn = run.fn, entry = last })
  if lease then
    note_start(id, lease[3])
  end
  redis.call('HSET', run_key, 'done', '1', 'entry', '')
  history_add('cancelled', id, reason)
  emit_cancelled(id, run.fn, reason)
  end_run(id, run.fn, run.ends, { 'error', cjson.encode({ name = 'Cancelled', message = reason }) })
end

local function read_run(id)
  local names = { 'fn', 'key', 'limits', 'entry', 'ends', 'parent_run', 'done', 'fan_next' }
  local values, run = redis.call('HMGET', p .. ':run:' .. id, unpack(names)), {}
  for i, name in ipairs(names) do
    run[name] = values[i]
  end
  return run
end

-- 'leased', 'ready', or false when the run is elsewhere
local function place_of(run)
  if not run.entry or run.entry == '' then
    return false
  end
  return lease_of(run) and 'leased' or 'ready'
end

local function cancel_one(id, run, reason)
  local place = place_of(run)
  if place == 'leased' then
    redis.call('HSET', p .. ':run:' .. id, 'cancel', reason)
    return CANCELLING
  elseif place == 'ready' then
    redis.call('XDEL', p .. ':ready:' .. run.fn, run.entry)
  else
    redis.call('ZREM', p .. ':timers', id)
    leave_queue(id, run.fn, run.key or '')
    unlisten(id, 'w')
  end
  end_cancelled(id, run, reason)
  return CANCELLED
end

local function cancel_run(id, reason)
  local run = read_run(id)
  if not run.fn then
    return NOT_HERE
  elseif run.done then
    return ENDED
  end
  if run.fan_next then
    redis.call('HDEL', p .. ':run:' .. id, 'fan_left', 'fan_next', 'fan_total')
    for _, index in ipairs(redis.call('SMEMBERS', p .. ':branches:' .. id)) do
      local branch = id .. '.' .. index
      local its = read_run(branch)
      if its.fn then
        cancel_one(branch, its, reason)
      end
    end
    redis.call('DEL', p .. ':branches:' .. id)
  end
  return cancel_one(id, run, reason)
end
