-- finish: what is undone when a run ends, however it ends. The hash's field `ends` lists it, so that a plain run pays
-- nothing: `single <key>` (a line each), `listens`, `timed`, `gathers <key>`, `parent <partition>\t<run>\t<step>`.
-- Owns <p>:single:<fn>:<key> (string) and <p>:deadlines (zset).
local function undo(id, fn, what, rest)
  if what == 'single' then
    local key = p .. ':single:' .. fn .. ':' .. rest
    if redis.call('GET', key) == id then
      redis.call('DEL', key)
    end
  elseif what == 'listens' then
    unlisten_all(id)
  elseif what == 'timed' then
    redis.call('ZREM', p .. ':deadlines', 's:' .. id, 'f:' .. id)
  elseif what == 'gathers' then
    local key = p .. ':collect:' .. fn .. ':' .. rest
    if redis.call('GET', key) == id then
      redis.call('DEL', key)
    end
    redis.call('DEL', p .. ':gather:' .. id)
  end
end

-- `answer`: {'ok' or 'error', JSON} for whoever invoked the run.
local function end_run(id, fn, ends, answer)
  if not ends then
    return
  end
  for what, rest in string.gmatch(ends, '(%a+) ?([^\n]*)\n') do
    if what == 'parent' then
      local to = string.gsub(rest, '\t', '\n')
      redis.call('XADD', p .. ':events', '*', 'name', 'inngest/function.finished', 'data', '{}',
        'to', to, answer[1], answer[2])
    else
      undo(id, fn, what, rest)
    end
  end
end

-- A branch of a run is over: the next one begins, and after the last one the run goes on. Owns the fields `fan_*` of
-- <p>:run:<id> and <p>:branches:<id> (set of those that are live).
local function start_branch(parent, index, fn, key, order, at)
  redis.call('SADD', p .. ':branches:' .. parent, index)
  admit_or_wait(parent .. '.' .. index, fn, key, order, true, {
    'fn', fn, 'key', key, 'seq', exact(order), 'at', at, 'parent_run', parent, 'branch', index,
  })
end

local function start_branches(id, fn, total, width)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'key', 'seq', 'at')
  local first = math.min(total, math.max(width, 1))
  if total <= 0 then
    admit_or_wait(id, fn, run[1], tonumber(run[2]), true, {})
    return
  end
  redis.call('HSET', p .. ':run:' .. id, 'fan_left', total, 'fan_next', first, 'fan_total', total)
  for index = 0, first - 1 do
    start_branch(id, index, fn, run[1], tonumber(run[2]), run[3])
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
    start_branch(parent, next_index, run[1], run[2], tonumber(run[3]), run[4])
  elseif left <= 0 then
    redis.call('HDEL', run_key, 'fan_left', 'fan_next', 'fan_total')
    admit_or_wait(parent, run[1], run[2], tonumber(run[3]), true, {})
  end
end
