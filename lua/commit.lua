#!lua flags=allow-oom
-- commit: make outcomes of steps durable, all or nothing for each: checks that this worker still owns the entry, stores
-- results, emits events, then goes on in place, parks, gives back or finishes. Promises 2, 4, 5 and 8.
-- Runs when Redis is full: it frees more than it takes.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:ready:<fn> stream (group workers)   the pending entry is the lease
--   <p>:run:<id> hash     fn key seq at (see enqueue); try (attempt of the step that is next), st (first start, ms), fails
--                         (failed attempts so far), cost (USD), billed (of that and its branches' cost), deaths, outlived (deaths before the last committed step);
--                         held (the service its step waits for: name, since when (ms), answers that it had given, reason,
--                         a line each; "" for none);
--                         entry (in the ready stream, "" when it is not there), last (entry whose lease was ended last),
--                         limits (template it was admitted by), wait (step whose result is to come from outside), invoke
--                         (the function it waits for), cancel (why it is to end), ends (see include/finish.lua), done
--   <p>:steps:<id> hash   name -> result, written once
--   <p>:timers zset, <p>:events stream, <p>:history stream
--   <p>:slots:* <p>:wait:* <p>:blocked:* <p>:vt:* <p>:unsettled <p>:tangled <p>:limits <p>:controls <p>:share:* <p>:spent:*
--   <p>:listener:* <p>:heard:* <p>:hear:* <p>:lookbacks <p>:single:* <p>:deadlines <p>:branches:*   see include/
-- ARGV[1] worker id
-- ARGV[2] number of outcomes, then for each:
--   op        next    the result is stored, the worker goes on with the same lease
--             park    slots are given back; the run is due again after `delay`, or when what it waits for has come
--             finish  the run is over; slots are given back
--             return  nothing happened: the entry goes back to the ready stream, slots stay (unless the function is
--                     paused by now)
--   fn, entry id, run id (of a branch: <run>.<n>), delay (ms, for park; -1 = only what it waits for)
--   number of fields, then name and value for each    (of the run's hash; ignored by finish)
--   number of results, then name and JSON for each    (the first name is the natural key of `next`; of a finish only those
--                                                      of a branch are stored, with its run's)
--   number of events, then name and data for each     (go to <p>:events)
--   number of extras, then name and value for each; lines of a value in this order:
--     cost     µUSD that the step cost
--     step     the name under which the result of `wait` or `invoke` is stored when it comes
--     wait     event, path, value, look back (0, 1), own event id, expression: parked until such an event comes
--     invoke   function: parked until its run has ended; data: what it gets, as JSON
--     fan      count, width: parked until that many branches have ended, of which at most `width` are live at a time
--     trace    W3C trace context of the step, for the events and what is invoked
--     output, failure   JSON for whoever invoked the run
--   history   rows for the archive, "" for none
-- reply {code per outcome…}: 0 applied, 1 had been applied before (the reply was lost), 2 stale: somebody else owns the
--   run now and nothing was written, 3 conflict: another result is stored under that name and nothing was written,
--   4 cancelled: the run was to end, and has ended; nothing of the outcome was stored (told again when called again)
-- events one `lines` for all that was applied; `cancelled`
local p, worker, count = KEYS[1], ARGV[1], tonumber(ARGV[2])

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include hand_over
--- include history
--- include listen
--- include finish
--- include branches
--- include cancel
--- include flow

local ended_leases, has_ended, ends_count = {}, {}, 0
local bodies, finished = {}, {}

-- What this worker holds of a function, read whole where there are many outcomes: one question instead of one for each. nil
-- when it holds more than that.
local MANY, MOST_HELD = 8, 256
local held = {}
local function held_of(fn)
  if held[fn] == nil then
    local pending = redis.pcall('XPENDING', p .. ':ready:' .. fn, 'workers', '-', '+', MOST_HELD, worker)
    local entries = {}
    if pending.err == nil and #pending < MOST_HELD then
      for _, lease in ipairs(pending) do
        entries[lease[1]] = true
      end
      held[fn] = entries
    else
      held[fn] = false
    end
  end
  return held[fn]
end

local function owns(fn, entry)
  if has_ended[fn .. ' ' .. entry] then
    return false
  end
  local entries = count >= MANY and held_of(fn)
  if entries then
    return entries[entry] == true
  end
  local pending = redis.pcall('XPENDING', p .. ':ready:' .. fn, 'workers', entry, entry, 1, worker)
  return pending.err == nil and pending[1] ~= nil
end

-- The entries leave their streams together, at the end; `has_ended` tells until then.
local function end_lease(fn, entry)
  local list = ended_leases[fn]
  if list == nil then
    list = {}
    ended_leases[fn] = list
  end
  list[#list + 1] = entry
  has_ended[fn .. ' ' .. entry] = true
end

local function leave_streams()
  for fn, entries in pairs(ended_leases) do
    redis.call('XACK', p .. ':ready:' .. fn, 'workers', unpack(entries))
    redis.call('XDEL', p .. ':ready:' .. fn, unpack(entries))
  end
end

local arg = 2
local function take()
  arg = arg + 1
  return ARGV[arg]
end
-- Steps over a counted list of pairs: where the first one stands, and how many there are.
local function take_pairs()
  local pairs_count = tonumber(take())
  local first = arg + 1
  arg = arg + 2 * pairs_count
  return first, pairs_count
end
local function take_extras()
  local first, extras_count = take_pairs()
  local extras = {}
  for e = first, first + 2 * extras_count - 2, 2 do
    extras[ARGV[e]] = ARGV[e + 1]
  end
  return extras
end

local function store_pairs(key, first, pairs_count)
  if pairs_count > 0 then
    redis.call('HSET', key, unpack(ARGV, first, first + 2 * pairs_count - 1))
  end
end

local function send(name, data, trace, ...)
  local fields = { 'name', name, 'data', data, ... }
  if trace then
    fields[#fields + 1] = 'traceparent'
    fields[#fields + 1] = trace
  end
  redis.call('XADD', p .. ':events', '*', unpack(fields))
end

-- Parks the run until what it waits for has come.
local function begin_waiting(id, extras)
  local run_key = p .. ':run:' .. id
  redis.call('HSET', run_key, 'wait', extras.step)
  if extras.invoke then
    redis.call('HSET', run_key, 'invoke', extras.invoke)
    send('inngest/function.invoked', extras.data, extras.trace, 'fn', extras.invoke,
      'parent', string.match(p, '%d+') .. '\n' .. id .. '\n' .. extras.step)
    return
  end
  local event, path, value, look_back, own, expression = unpack(lines_of(extras.wait, 6))
  listen(id, 'w', event, path, value, '0', own, expression)
  if look_back == '1' then
    redis.call('SADD', p .. ':lookbacks', id .. '/w')
  end
end

local function park(id, fn, delay_ms, extras)
  if extras.fan then
    local total, width = unpack(lines_of(extras.fan, 2))
    start_branches(id, fn, tonumber(total), tonumber(width))
    return
  end
  if extras.step then
    begin_waiting(id, extras)
  end
  if delay_ms >= 0 or not extras.step then
    redis.call('ZADD', p .. ':timers', exact(now_ms + delay_ms), id)
  end
end

local function finish(id, fn, run, extras)
  if run.parent_run then
    end_branch(id, run.parent_run)
    return
  end
  end_run(id, fn, run.ends, extras.failure and { 'error', extras.failure } or { 'ok', extras.output or 'null' })
end

-- The run as far as the end of its lease needs it.
local function read_leased(id)
  local values = redis.call('HMGET', p .. ':run:' .. id, 'key', 'limits', 'cancel', 'ends', 'parent_run')
  return { key = values[1], limits = values[2], cancel = values[3], ends = values[4], parent_run = values[5] }
end

-- The outcome that is next among the arguments: its code. What is left for the end of the call it notes last, so that one that
-- fails (a key is of the wrong type) keeps its lease, and all the others are whole.
local function apply()
  local op, fn, entry, id, delay_ms = take(), take(), take(), take(), tonumber(take())
  local first_field, field_count = take_pairs()
  local first_result, result_count = take_pairs()
  local first_event, event_count = take_pairs()
  local extras, body = take_extras(), take()

  local run_key, steps_key = p .. ':run:' .. id, p .. ':steps:' .. id
  if not owns(fn, entry) then
    local past = redis.call('HMGET', run_key, 'last', 'cancel')
    return past[1] ~= entry and 2 or past[2] and 4 or 1
  end
  local run = read_leased(id)
  run.fn = fn
  if run.cancel then
    redis.call('HSET', run_key, 'last', entry)
    end_cancelled(id, run, run.cancel)
    ends_count = ends_count + 1
    end_lease(fn, entry)
    return 4
  end
  if result_count > 0 and op ~= 'finish' then
    local stored = redis.call('HGET', steps_key, ARGV[first_result])
    if stored then
      return stored == ARGV[first_result + 1] and 1 or 3
    end
  end

  local lets_go = op == 'park' or op == 'finish'
  local direct = lets_go and limit_to_hand_over(fn, run.key, run.limits, entry)
  local limits = lets_go and not direct and limits_held(fn, run.key, run.limits)
  if extras.cost then
    spend(owner_of(run.key or ''), tonumber(extras.cost))
  end
  for e = 0, event_count - 1 do
    send(ARGV[first_event + 2 * e], ARGV[first_event + 2 * e + 1], extras.trace)
  end
  if op == 'finish' then
    if run.parent_run then
      store_pairs(p .. ':steps:' .. run.parent_run, first_result, result_count)
    end
  else
    store_pairs(run_key, first_field, field_count)
    store_pairs(steps_key, first_result, result_count)
  end
  if op == 'return' then
    redis.call('HSET', run_key, 'last', entry)
    if put_back(id, fn) then
      ends_count = ends_count + 1
    else
      redis.call('HSET', run_key, 'entry', make_ready(id, fn))
    end
  elseif lets_go then
    if direct then
      hand_over(id, fn, run.key, direct)
    else
      release_slots(id, limits)
    end
    ends_count = ends_count + 1
    if op == 'park' then
      redis.call('HSET', run_key, 'last', entry, 'entry', '')
      park(id, fn, delay_ms, extras)
    else
      if not run.parent_run then
        redis.call('HSET', run_key, 'last', entry, 'entry', '', 'done', '1')
      end
      finish(id, fn, run, extras)
    end
  end

  if body ~= '' then
    bodies[#bodies + 1] = body
    if op == 'finish' and not run.parent_run then
      finished[#finished + 1] = id
    end
  end
  if op ~= 'next' then
    end_lease(fn, entry)
  end
  return 0
end

local reply, failure = {}, nil
for i = 1, count do
  local whole, code = pcall(apply)
  reply[i] = code
  failure = failure or not whole and code or nil
end
leave_streams()
if #bodies > 0 then
  history_add('lines', table.concat(finished, ' '), table.concat(bodies))
end
admit_waiting(4 * ends_count + 16)
if failure then
  error(failure, 0)
end
return reply
