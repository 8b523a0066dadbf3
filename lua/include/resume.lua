-- resume: a run that waits (field `wait` of its hash: the name its result is stored under) goes on. Owns that field, and the
-- fields `invoke` and `throttle`.

-- `name` is stored only if nothing is. Returns nil when the run does not wait for `step`, else whether it was admitted.
local function resume_run(id, step, name, json, body)
  local run_key = p .. ':run:' .. id
  local run = redis.call('HMGET', run_key, 'fn', 'key', 'seq', 'wait', 'done')
  if not run[1] or run[5] or run[4] ~= step then
    return nil
  end
  redis.call('HSETNX', p .. ':steps:' .. id, name, json)
  redis.call('HDEL', run_key, 'wait', 'invoke')
  redis.call('ZREM', p .. ':timers', id)
  unlisten(id, 'w')
  if body ~= '' then
    history_add('lines', '', body)
  end
  return admit_or_wait(id, run[1], run[2], run[3], true, {})
end

-- A parked run's time has come. Returns true when it was admitted.
local function wake(id)
  local run_key = p .. ':run:' .. id
  local run = redis.call('HMGET', run_key,
    'fn', 'key', 'seq', 'done', 'st', 'begun', 'collect', 'wait', 'invoke', 'throttle', 'ends',
    'parent_run')
  local fn, key, order, step = run[1], run[2], run[3], run[8]
  if not fn or run[4] then
    return false
  end
  if step and run[9] then
    return resume_run(id, step, 'error:' .. step, '{"name":"InvokeTimeout","message":"function '
      .. run[9] .. ' took longer than the invocation waits"}', '')
  elseif step then
    history_add('waited', id, step)
    return resume_run(id, step, step, 'null', '')
  end
  if run[7] then
    end_collecting(id, fn, run[11])
  end
  if run[10] then
    redis.call('HDEL', run_key, 'throttle')
    local start_ms = throttle(fn, run[10])
    if start_ms > now_ms then
      redis.call('ZADD', p .. ':timers', start_ms, id)
      return false
    end
  end
  return admit_or_wait(id, fn, key, order, (run[5] or run[6] or run[12]) and true or false, {})
end
