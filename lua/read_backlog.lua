#!lua flags=allow-oom
-- read_backlog: how much work of each function is ready or held, how the limits that have no key are used, how far the archive
-- is: for the metrics. Each question costs the same however much is there; who waits behind limits is counted by tally_runs.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:history stream, <p>:limits hash,
--   <p>:slots:<limit> set, <p>:blocked:<limit> zset, <p>:share:<limit> hash, <p>:controls hash, <p>:events stream
-- ARGV[1…] functions
-- reply {now ms, functions, limits, history, events, pauses}:
--   functions {ready, held, since when the oldest is ready (ms, 0 = none is)} for each
--   limits    {name, holders, maximum, 1 when it is shared by all partitions, queues that wait} for each; no budgets
--   history   {entries, since when the oldest is there (ms, 0 = none)}
--   events    the same of what the engine and its steps send
--   pauses    {function, pause or drain, …}
-- events none
local p = KEYS[1]

--- include now
--- include controls
--- include budget
--- include limits

-- Entry ids tell the time for people to look at; nothing is decided by them.
local function ms_of(entry)
  return entry and string.match(entry, '^%d+') or '0'
end

local function read_ready(fn)
  local stream = p .. ':ready:' .. fn
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err or not groups[1] then
    return { 0, 0, '0' }
  end
  local held, last
  for i = 1, #groups[1], 2 do
    if groups[1][i] == 'pending' then
      held = groups[1][i + 1]
    elseif groups[1][i] == 'last-delivered-id' then
      last = groups[1][i + 1]
    end
  end
  local first = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1]
  local ready = redis.call('XLEN', stream) - held
  return { first and math.max(ready, 1) or 0, held, ms_of(first and first[1]) }
end

local function read_stream(key)
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  return { redis.call('XLEN', key), ms_of(first and first[1]) }
end

local function read_limits()
  local reply, seen = {}, {}
  for _, text in ipairs(redis.call('HVALS', p .. ':limits')) do
    for _, limit in ipairs(parse(text)) do
      if not limit.part and not limit.cap and not seen[limit.name] then
        seen[limit.name] = true
        reply[#reply + 1] = {
          limit.name, holders(limit), maximum_of(limit, limit.name), limit.shared and 1 or 0,
          redis.call('ZCARD', p .. ':blocked:' .. limit.name),
        }
      end
    end
  end
  return reply
end

local functions, pauses = {}, {}
for i, fn in ipairs(ARGV) do
  functions[i] = read_ready(fn)
  local pause = control('pause/', fn)
  if pause then
    pauses[#pauses + 1] = fn
    pauses[#pauses + 1] = pause
  end
end
return {
  string.format('%d', now_ms), functions, read_limits(), read_stream(p .. ':history'), read_stream(p .. ':events'), pauses,
}
