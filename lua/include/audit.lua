-- audit: what the audits ask, and the checks that people make. Is the run in the ready stream, where its hash says? Who is held by a worker still is.
local function is_ready(id, fn, entry)
  if not entry or entry == '' then
    return false
  end
  local there = redis.pcall('XRANGE', p .. ':ready:' .. fn, entry, entry)
  return there.err == nil and there[1] ~= nil and there[1][2][2] == id
end

-- Does the run hold a slot of that limit by right?
local function has_right(id, name)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'fn', 'key', 'limits', 'entry', 'done')
  if not run[1] or run[5] or not is_ready(id, run[1], run[4]) then
    return false
  end
  for _, limit in ipairs(limits_held(run[1], run[2], run[3])) do
    if limit.name == name then
      return true
    end
  end
  return false
end

-- A live run; nil when it has ended, or when its hash is damaged.
local function read_audited(id)
  local run = redis.call('HMGET', p .. ':run:' .. id,
    'fn', 'key', 'seq', 'limits', 'entry', 'done', 'wait', 'fan_next', 'st', 'begun', 'parent_run')
  if not run[1] or not run[2] or not run[3] or run[6] then
    return nil
  end
  return { fn = run[1], key = run[2], seq = run[3], limits = run[4], entry = run[5], waits = run[7] or run[8],
    begun = (run[9] or run[10] or run[11]) and true or false }
end

-- Of one that is not ready: is there nothing that it will go on from?
local function is_nowhere(id, run)
  return not run.waits
    and not redis.call('ZSCORE', p .. ':wait:' .. run.fn .. ':' .. run.key, id)
    and not redis.call('ZSCORE', p .. ':wait:' .. run.fn .. '+:' .. run.key, id)
    and not redis.call('ZSCORE', p .. ':timers', id)
end
