#!lua flags=allow-oom
-- tally_runs: where these live runs are, for the metrics: asked for the keys that an audit comes past, so that nobody has to
-- look for them. Runs that are ready or held are left out: read_backlog counts them.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash, <p>:timers zset
-- ARGV[1…] run ids
-- reply {now ms, {function, state, accepted at (ms)}…}: state waiting (for a limit), delayed (not due yet), suspended (waits for
--   an event, another run or its branches)
-- events none
local p = KEYS[1]

--- include now

local function state_of(id, run)
  if run[4] or run[5] then
    return 'suspended'
  end
  return redis.call('ZSCORE', p .. ':timers', id) and 'delayed' or 'waiting'
end

local reply = { string.format('%d', now_ms) }
for _, id in ipairs(ARGV) do
  local run = redis.call('HMGET', p .. ':run:' .. id, 'fn', 'entry', 'done', 'wait', 'fan_next', 'at')
  if run[1] and not run[3] and (not run[2] or run[2] == '') then
    reply[#reply + 1] = { run[1], state_of(id, run), run[6] or '0' }
  end
end
return reply
