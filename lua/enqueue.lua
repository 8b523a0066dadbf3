#!lua
-- enqueue: start runs. Each is admitted (slots taken, entry in its ready stream), put into its waiting queue, parked until
-- its time, made part of a run that collects events, or skipped by a rule of its function. Promises 1 and 3: a run
-- starts once however often its event is delivered; no limit is passed.
-- Refused when Redis is full (no allow-oom): new work waits at the door, old work goes on.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:schedulers hash   schedulers that may enqueue (id -> since)
--   <p>:run:<id> hash, <p>:input:<id> string, <p>:seq string, <p>:timers zset, <p>:deadlines zset
--   <p>:slots:* <p>:wait:* <p>:blocked:* <p>:vt:* <p>:tangled <p>:ready:* <p>:limits <p>:controls <p>:share:* <p>:spent:*
--   <p>:once:* <p>:rate:* <p>:throttle:* <p>:single:* <p>:collect:* <p>:gather:* <p>:joined:* <p>:listener:* <p>:heard:*
--   <p>:hear:* <p>:events <p>:history   see include/
-- ARGV[1] scheduler id   a scheduler that was declared dead must not start work its successor already started
-- ARGV[2] number of runs, then for each:
--   run id, function, key (see include/limits.lua), accepted at (ms), due at (ms, 0 = now), input (the event as JSON),
--   number of options, then name and value for each; lines of a value in this order:
--     priority   ms that the run is moved forward among those of its queue
--     begun      1: its first results are in <p>:steps:<id> already
--     once       time to live (ms), key
--     rate       most starts, period (ms), key
--     throttle   starts per period, period (ms), burst, key
--     debounce   period (ms), longest wait (ms, 0 = none), keep all (0, 1), the event's ts (ms), key
--     batch      most events, timeout (ms), key
--     single     skip or cancel, key
--     start_by, finish_by   ms from when it is due
--     listen     event, path, value, timeout (ms, 0 = none), own event id, expression; may come several times
--     parent     partition, run, step: who invoked it
-- reply {code, outcome per run…}: code 0 done, 1 fenced (nothing was done)
--   outcome 0 admitted, 1 waiting, 2 parked until due, 3 was there already, {4, run id} joined that run, {5, reason} skipped
-- events none (a run enters history with its first step), but `cancelled` for a run that a singleton replaces
local p, scheduler, count = KEYS[1], ARGV[1], tonumber(ARGV[2])

if redis.call('HEXISTS', p .. ':schedulers', scheduler) == 0 then
  return { 1 }
end

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include history
--- include listen
--- include finish
--- include branches
--- include cancel
--- include flow
--- include collect
--- include resume

-- Runs wait in the order in which their events were accepted, the sequence deciding within a millisecond. In 53
-- bits, until the year 2090.
local ORDER_SINCE_MS, ORDER_PER_MS = 1600000000000, 4096
local function order_of(accepted_ms, priority_ms, number)
  local ms = math.max(0, tonumber(accepted_ms) - priority_ms - ORDER_SINCE_MS)
  return ms * ORDER_PER_MS + number % ORDER_PER_MS
end

local arg = 2
local function take()
  arg = arg + 1
  return ARGV[arg]
end

local function take_options()
  local option_count = tonumber(take())
  if option_count == 0 then
    return nil
  end
  local options = { listen = {} }
  for _ = 1, option_count do
    local name, value = take(), take()
    if name == 'listen' then
      table.insert(options.listen, value)
    else
      options[name] = value
    end
  end
  return options
end

local function single_refusal(fn, options)
  local mode, key = unpack(lines_of(options.single, 2))
  local other = redis.call('GET', p .. ':single:' .. fn .. ':' .. key)
  if mode == 'skip' and other and is_live(other) then
    return 'singleton: run ' .. other .. ' has not ended'
  end
  return nil
end

-- Why the event starts nothing, nil when it may. Reads only.
local function refusal(id, fn, options)
  return options.once and once_refusal(fn, id, options.once)
    or options.rate and rate_refusal(fn, options.rate)
    or options.single and single_refusal(fn, options)
    or nil
end

local function replace_single(id, fn, options)
  local mode, key = unpack(lines_of(options.single, 2))
  local single_key = p .. ':single:' .. fn .. ':' .. key
  local other = redis.call('GET', single_key)
  if mode == 'cancel' and other and other ~= id then
    cancel_run(other, 'singleton: run ' .. id .. ' took its place')
  end
  redis.call('SET', single_key, id)
  return 'single ' .. key .. '\n'
end

local function set_deadlines(id, options, from_ms)
  if options.start_by and options.begun ~= '1' then
    redis.call('ZADD', p .. ':deadlines', from_ms + tonumber(options.start_by), 's:' .. id)
  end
  if options.finish_by then
    redis.call('ZADD', p .. ':deadlines', from_ms + tonumber(options.finish_by), 'f:' .. id)
  end
  return (options.start_by or options.finish_by) and 'timed\n' or ''
end

local function start_listening(id, options)
  for i, text in ipairs(options.listen) do
    local event, path, value, timeout_ms, own, expression = unpack(lines_of(text, 6))
    local until_ms = timeout_ms == '0' and '0' or exact(now_ms + tonumber(timeout_ms))
    listen(id, 'c' .. i, event, path, value, until_ms, own, expression)
  end
  return options.listen[1] and 'listens\n' or ''
end

local function parent_line(options)
  return options.parent and 'parent ' .. string.gsub(options.parent, '\n', '\t') .. '\n' or ''
end

-- Notes what the rules have to remember of a run that starts; its fields are added to. Returns whether it collects.
-- `throttle`: the rule that it asks for a place when its time has come; nil when that is now.
local function apply_options(id, fn, options, input, from_ms, throttle, fields)
  local ends = ''
  if options.once then
    note_once(fn, id, options.once)
  end
  if options.rate then
    note_rate(fn, id, options.rate)
  end
  if options.single then
    ends = ends .. replace_single(id, fn, options)
  end
  ends = ends .. set_deadlines(id, options, from_ms) .. start_listening(id, options)
  ends = ends .. parent_line(options)
  local collects = options.batch or options.debounce
  if collects then
    ends = ends .. begin_collecting(id, fn, read_rule(options), input, from_ms, fields)
  end
  for _, pair in ipairs({ { 'ends', ends }, { 'begun', options.begun }, { 'throttle', throttle } }) do
    if pair[2] and pair[2] ~= '' then
      fields[#fields + 1] = pair[1]
      fields[#fields + 1] = pair[2]
    end
  end
  return collects
end

-- The event becomes part of a run that collects already; nil when none does.
local function join_other(id, fn, options, input, from_ms)
  local before = redis.call('GET', p .. ':joined:' .. id)
  if before then
    return { 4, before }
  end
  local rule = read_rule(options)
  local leader = collector_of(fn, rule)
  if leader == nil then
    return nil
  end
  local why = options.once and once_refusal(fn, id, options.once)
  if why then
    return { 5, why }
  end
  if options.once then
    note_once(fn, id, options.once)
  end
  if options.parent then
    local leader_key = p .. ':run:' .. leader
    redis.call('HSET', leader_key, 'ends', redis.call('HGET', leader_key, 'ends') .. parent_line(options))
  end
  if join(leader, id, rule, input, from_ms) then
    redis.call('ZREM', p .. ':timers', leader)
    wake(leader)
  end
  return { 4, leader }
end

local reply = { 0 }
local seq = redis.call('INCRBY', p .. ':seq', count) - count

local function start(id, fn, key, accepted_ms, due_ms, input, options, number)
  local order = exact(order_of(accepted_ms, tonumber(options and options.priority or 0), number))
  local fields = { 'fn', fn, 'key', key, 'seq', order, 'at', accepted_ms }
  local parks = due_ms > now_ms
  redis.call('SET', p .. ':input:' .. id, input)
  if options then
    local is_due = not parks and not options.batch and not options.debounce
    local collects = apply_options(id, fn, options, input, math.max(due_ms, now_ms), not is_due and options.throttle, fields)
    if options.throttle and is_due then
      due_ms = throttle(fn, options.throttle)
      parks = due_ms > now_ms
    end
    if collects then
      redis.call('HSET', p .. ':run:' .. id, unpack(fields))
      return 2
    end
  end
  if parks then
    redis.call('HSET', p .. ':run:' .. id, unpack(fields))
    redis.call('ZADD', p .. ':timers', due_ms, id)
    return 2
  end
  return admit_or_wait(id, fn, key, order, options and options.begun == '1', fields) and 0 or 1
end

for i = 1, count do
  local id, fn, key, accepted_ms, due_ms, input = take(), take(), take(), take(), tonumber(take()), take()
  local options = take_options()
  local outcome
  if redis.call('EXISTS', p .. ':run:' .. id) == 1 then
    outcome = 3
  elseif options then
    outcome = (options.batch or options.debounce) and join_other(id, fn, options, input, math.max(due_ms, now_ms)) or nil
    if outcome == nil then
      local why = refusal(id, fn, options)
      outcome = why and { 5, why } or nil
    end
  end
  reply[i + 1] = outcome or start(id, fn, key, accepted_ms, due_ms, input, options, seq + i)
end

admit_waiting(64)
return reply
