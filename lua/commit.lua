#!lua flags=allow-oom
-- commit: make outcomes of steps durable, all or nothing for each: checks that this worker still owns the entry, stores
-- results, emits events, then goes on in place, parks, gives back or finishes. Promises 2, 4, 5 and 8.
-- Runs when Redis is full: it frees more than it takes.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:ready:<fn> stream (group workers)   the pending entry is the lease
--   <p>:run:<id> hash     fn key seq at (see enqueue); try (attempt of the step that is next), st (first start, ms), fails
--                         (failed attempts so far), cost (USD), deaths, outlived (deaths before the last committed step);
--                         last (entry whose lease was ended last), done; limits (template it was admitted by)
--   <p>:steps:<id> hash   name -> result, written once
--   <p>:timers zset, <p>:events stream, <p>:history stream
--   <p>:slots:* <p>:wait:* <p>:blocked:* <p>:vt:* <p>:clock <p>:unsettled <p>:limits   see include/
-- ARGV[1] worker id
-- ARGV[2] number of outcomes, then for each:
--   op        next    the result is stored, the worker goes on with the same lease
--             park    slots are given back; the run is due again after `delay`
--             finish  the run is over; slots are given back
--             return  nothing happened: the entry goes back to the ready stream, slots stay
--   fn, entry id, run id, delay (ms, for park)
--   number of fields, then name and value for each    (of the run's hash; ignored by finish)
--   number of results, then name and JSON for each    (the first name is the natural key of `next`; ignored by finish)
--   number of events, then name and data for each     (go to <p>:events)
--   history   body for the archive, "" for none
-- reply {code per outcome…}: 0 applied, 1 had been applied before (the reply was lost), 2 stale: somebody else owns the
--   run now and nothing was written, 3 conflict: another result is stored under that name and nothing was written
-- events `step` for next and park, `finish` for finish
local p, worker, count = KEYS[1], ARGV[1], tonumber(ARGV[2])

--- include now
--- include limits
--- include admit
--- include history

local function owns(fn, entry)
  local pending = redis.pcall('XPENDING', p .. ':ready:' .. fn, 'workers', entry, entry, 1, worker)
  return pending.err == nil and pending[1] ~= nil
end

local function end_lease(fn, entry, run_key)
  redis.call('HSET', run_key, 'last', entry)
  redis.call('XACK', p .. ':ready:' .. fn, 'workers', entry)
  redis.call('XDEL', p .. ':ready:' .. fn, entry)
end

local reply, freed, ended = {}, {}, 0
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

for i = 1, count do
  local op, fn, entry, id, delay_ms = take(), take(), take(), take(), tonumber(take())
  local first_field, field_count = take_pairs()
  local first_result, result_count = take_pairs()
  local first_event, event_count = take_pairs()
  local body = take()

  local run_key, steps_key = p .. ':run:' .. id, p .. ':steps:' .. id
  local code = 0
  if not owns(fn, entry) then
    code = redis.call('HGET', run_key, 'last') == entry and 1 or 2
  elseif result_count > 0 and op ~= 'finish' then
    local stored = redis.call('HGET', steps_key, ARGV[first_result])
    if stored then
      code = stored == ARGV[first_result + 1] and 1 or 3
    end
  end
  reply[i] = code

  if code == 0 then
    local ends = op == 'park' or op == 'finish'
    local limits = ends and limits_held(id, fn)
    if op ~= 'finish' then
      if field_count > 0 then
        redis.call('HSET', run_key, unpack(ARGV, first_field, first_field + 2 * field_count - 1))
      end
      if result_count > 0 then
        redis.call('HSET', steps_key, unpack(ARGV, first_result, first_result + 2 * result_count - 1))
      end
    end
    for e = 0, event_count - 1 do
      redis.call('XADD', p .. ':events', '*', 'name', ARGV[first_event + 2 * e], 'data', ARGV[first_event + 2 * e + 1])
    end
    if body ~= '' then
      history_add(op == 'finish' and 'finish' or 'step', id, body)
    end
    if op ~= 'next' then
      end_lease(fn, entry, run_key)
    end
    if op == 'return' then
      make_ready(id, fn)
    elseif op == 'park' then
      redis.call('ZADD', p .. ':timers', now_ms + delay_ms, id)
    elseif op == 'finish' then
      redis.call('HSET', run_key, 'done', '1')
    end
    if ends then
      release_slots(id, limits, freed)
      ended = ended + 1
    end
  end
end

if ended > 0 then
  admit_waiting(freed, 4 * ended + 16)
end
return reply
