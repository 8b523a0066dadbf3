#!lua flags=allow-oom
-- describe_runs: where runs are, for lists that people look at: less about each than explain_run tells, and many in one call.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash, <p>:timers zset
-- ARGV[1…] run ids (some hundred: the call takes some microseconds for each)
-- reply per run {} when it is not here, or {state, function, owner, accepted at (ms), due at (ms, '' = none), first start (ms, ''),
--   tries, deaths, step that is tried again, why it failed, why it is cancelled, entry}; state: ended, admitted (a worker has it when the
--   entry is pending), waiting, sleeping, collecting, retrying, waiting_for_event, waiting_for_function, waiting_for_branches
-- events none
local p = KEYS[1]

local function state_of(run, due)
  if run.done then
    return 'ended'
  elseif run.entry and run.entry ~= '' then
    return 'admitted'
  elseif run.fan_next then
    return 'waiting_for_branches'
  elseif run.wait then
    return run.invoke and 'waiting_for_function' or 'waiting_for_event'
  elseif not due then
    return 'waiting'
  elseif run.collect then
    return 'collecting'
  end
  return run.failing and run.failing ~= '' and 'retrying' or 'sleeping'
end

local names = { 'fn', 'key', 'at', 'entry', 'done', 'fan_next', 'wait', 'invoke', 'collect', 'failing', 'failure', 'st', 'try',
  'deaths', 'cancel' }

local function describe(id)
  local values, run = redis.call('HMGET', p .. ':run:' .. id, unpack(names)), {}
  if not values[1] then
    return {}
  end
  for i, name in ipairs(names) do
    run[name] = values[i]
  end
  local due = redis.call('ZSCORE', p .. ':timers', id)
  return {
    state_of(run, due), run.fn, string.match(run.key or '', '^[^\n]*'), run.at or '0',
    due and string.format('%d', tonumber(due)) or '', run.st or '', run.try or '', run.deaths or '', run.failing or '',
    run.failure or '', run.cancel or '', run.entry or '',
  }
end

local reply = {}
for i, id in ipairs(ARGV) do
  reply[i] = describe(id)
end
return reply
