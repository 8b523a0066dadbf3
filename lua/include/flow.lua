-- flow: what may keep a run from starting, or from starting now. Owns <p>:once:<fn>:<key> (string, run id),
-- <p>:rate:<fn>:<key> (zset of run ids by start) and <p>:throttle:<fn>:<key> (string, the time of the next free place, ms).
-- Rules are given as text, a line each: see enqueue.
local function lines_of(text, count)
  local values, at = {}, 1
  for i = 1, count - 1 do
    local stop = string.find(text, '\n', at, true)
    values[i] = string.sub(text, at, stop - 1)
    at = stop + 1
  end
  values[count] = string.sub(text, at)
  return values
end

local function is_live(id)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'fn', 'done')
  return run[1] and not run[2]
end

-- Why an event with this key starts nothing, nil when it may.
local function once_refusal(fn, id, rule)
  local before = redis.call('GET', p .. ':once:' .. fn .. ':' .. lines_of(rule, 2)[2])
  return before and before ~= id and 'idempotency: run ' .. before .. ' had this key' or nil
end

-- A run that began `elapsed_ms` ago. What is known of it already is not made older: here, and in note_rate.
local function note_once(fn, id, rule, elapsed_ms)
  local ttl_ms, key = unpack(lines_of(rule, 2))
  local left_ms = tonumber(ttl_ms) - (elapsed_ms or 0)
  if left_ms > 0 then
    redis.call('SET', p .. ':once:' .. fn .. ':' .. key, id, 'PX', left_ms, 'NX')
  end
end

-- The starts of the last period are kept one by one: in no period are there more.
local function rate_refusal(fn, rule)
  local max, period_ms, key = unpack(lines_of(rule, 3))
  local starts = redis.call('ZCOUNT', p .. ':rate:' .. fn .. ':' .. key, '(' .. now_ms - tonumber(period_ms), '+inf')
  return starts >= tonumber(max) and 'rate limit: ' .. max .. ' starts in ' .. period_ms .. ' ms' or nil
end

local function note_rate(fn, id, rule, elapsed_ms)
  local _, period_ms, key = unpack(lines_of(rule, 3))
  local rate_key = p .. ':rate:' .. fn .. ':' .. key
  redis.call('ZREMRANGEBYSCORE', rate_key, '-inf', now_ms - tonumber(period_ms))
  redis.call('ZADD', rate_key, 'NX', now_ms - (elapsed_ms or 0), id)
  redis.call('PEXPIRE', rate_key, period_ms)
end

-- When the run may start (ms): one place every period / max, after a burst of those that may go at once (GCRA).
local function throttle(fn, rule)
  local max, period_ms, burst, key = unpack(lines_of(rule, 4))
  local throttle_key = p .. ':throttle:' .. fn .. ':' .. key
  local interval = tonumber(period_ms) / tonumber(max)
  local free = math.max(now_ms, tonumber(redis.call('GET', throttle_key) or '0'))
  local start_ms = math.ceil(free - (tonumber(burst) - 1) * interval)
  redis.call('SET', throttle_key, exact(free + interval), 'PX', math.ceil(free + interval - now_ms) + 1000)
  return math.max(now_ms, start_ms)
end
