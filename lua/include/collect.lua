-- collect: several events for one run. Owns <p>:collect:<fn>:<key> (string: the run that collects), <p>:gather:<id> (list of
-- events as JSON), <p>:joined:<run id> (string with a time to live: the run that this event's run became part of) and the field
-- `collect` of <p>:run:<id>. The run that collects is that of the first event; it is parked until its time has come.
local JOINED_MS = 3600000
local GATHERED_MAX_BYTES = 4194304

local function read_rule(options)
  if options.batch then
    local size, timeout_ms, key = unpack(lines_of(options.batch, 3))
    return { kind = 'batch', size = tonumber(size), period_ms = tonumber(timeout_ms), key = key, keep = true }
  end
  local period_ms, longest_ms, keep, ts, key = unpack(lines_of(options.debounce, 5))
  return {
    kind = 'debounce', period_ms = tonumber(period_ms), longest_ms = tonumber(longest_ms),
    keep = keep == '1', ts = tonumber(ts), key = key,
  }
end

-- The run that is collecting under this key, nil when there is none.
local function collector_of(fn, rule)
  local id = redis.call('GET', p .. ':collect:' .. fn .. ':' .. rule.key)
  return id and redis.call('HEXISTS', p .. ':run:' .. id, 'collect') == 1 and id or nil
end

-- Begins to collect, from when the event is due: the fields for the run's hash are added to `fields`. Returns what `ends`
-- has to undo.
local function begin_collecting(id, fn, rule, input, from_ms, fields)
  redis.call('SET', p .. ':collect:' .. fn .. ':' .. rule.key, id)
  redis.call('ZADD', p .. ':timers', from_ms + rule.period_ms, id)
  if rule.keep then
    redis.call('RPUSH', p .. ':gather:' .. id, input)
  end
  for _, word in ipairs({
    'collect', rule.kind, 'collect_since', exact(from_ms), 'collect_ts', rule.ts or 0, 'collect_bytes', #input,
  }) do
    fields[#fields + 1] = word
  end
  return 'gathers ' .. rule.key .. '\n'
end

-- Its time has come: from here on it is a run like others. Events that were kept become its input, an array.
local function end_collecting(id, fn, ends)
  local run_key, key = p .. ':run:' .. id, string.match(ends, 'gathers ([^\n]*)\n')
  local events = redis.call('LRANGE', p .. ':gather:' .. id, 0, -1)
  if #events > 0 then
    redis.call('SET', p .. ':input:' .. id, '[' .. table.concat(events, ',') .. ']')
  end
  undo(id, fn, 'gathers', key)
  redis.call('HDEL', run_key, 'collect', 'collect_since', 'collect_ts', 'collect_bytes')
end

-- The event, due at `from_ms`, becomes part of the run that collects. Returns whether that has to start now.
local function join(leader, id, rule, input, from_ms)
  local run_key = p .. ':run:' .. leader
  local since, ts = unpack(redis.call('HMGET', run_key, 'collect_since', 'collect_ts'))
  redis.call('SET', p .. ':joined:' .. id, leader, 'PX', JOINED_MS)
  local bytes = redis.call('HINCRBY', run_key, 'collect_bytes', #input)
  local count = 0
  if rule.keep then
    count = redis.call('RPUSH', p .. ':gather:' .. leader, input)
  elseif rule.ts >= tonumber(ts) then
    redis.call('SET', p .. ':input:' .. leader, input)
    redis.call('HSET', run_key, 'collect_ts', rule.ts)
  end
  if rule.kind == 'debounce' then
    local due_ms = math.max(from_ms, tonumber(since)) + rule.period_ms
    if rule.longest_ms > 0 then
      due_ms = math.min(due_ms, tonumber(since) + rule.longest_ms)
    end
    redis.call('ZADD', p .. ':timers', due_ms, leader)
  end
  return rule.kind == 'batch' and count >= rule.size or rule.keep and bytes >= GATHERED_MAX_BYTES
end
