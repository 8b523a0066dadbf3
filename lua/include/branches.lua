-- branches: parts of a run that are runs of their own. When one is over the next one begins, and after the last one
-- the run goes on. Owns the fields `fan_*` of <p>:run:<id> and <p>:branches:<id> (set of those that are live).
local function start_branch(parent, index, fn, key, order, at)
  redis.call('SADD', p .. ':branches:' .. parent, index)
  admit_or_wait(parent .. '.' .. index, fn, key, order, true, {
    'fn', fn, 'key', key, 'seq', order, 'at', at, 'parent_run', parent, 'branch', index,
  })
end

local function start_branches(id, fn, total, width)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'key', 'seq', 'at')
  local first = math.min(total, math.max(width, 1))
  if total <= 0 then
    admit_or_wait(id, fn, run[1], run[2], true, {})
    return
  end
  redis.call('HSET', p .. ':run:' .. id, 'fan_left', total, 'fan_next', first, 'fan_total', total)
  for index = 0, first - 1 do
    start_branch(id, index, fn, run[1], run[2], run[3])
  end
end

local function end_branch(id, parent)
  local run_key, index = p .. ':run:' .. parent, string.match(id, '%.(%d+)$')
  redis.call('DEL', p .. ':run:' .. id)
  redis.call('SREM', p .. ':branches:' .. parent, index)
  local run = redis.call('HMGET', run_key, 'fn', 'key', 'seq', 'at', 'done', 'fan_next', 'fan_total')
  if not run[1] or run[5] or not run[6] then
    return
  end
  local left, next_index = redis.call('HINCRBY', run_key, 'fan_left', -1), tonumber(run[6])
  if next_index < tonumber(run[7]) then
    redis.call('HSET', run_key, 'fan_next', next_index + 1)
    start_branch(parent, next_index, run[1], run[2], run[3], run[4])
  elseif left <= 0 then
    redis.call('HDEL', run_key, 'fan_left', 'fan_next', 'fan_total')
    admit_or_wait(parent, run[1], run[2], run[3], true, {})
  end
end
