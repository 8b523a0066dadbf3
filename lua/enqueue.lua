#!lua
-- enqueue: start runs. Each is admitted (slots taken, entry in its ready stream), put into its waiting queue, or parked
-- until its event's time. Promises 1 and 3: a run starts once however often its event is delivered; no limit is passed.
-- Refused when Redis is full (no allow-oom): new work waits at the door, old work goes on.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:schedulers hash   schedulers that may enqueue (id -> since)
--   <p>:run:<id> hash, <p>:input:<id> string, <p>:seq string, <p>:timers zset
--   <p>:slots:* <p>:wait:* <p>:blocked:* <p>:vt:* <p>:clock <p>:ready:* <p>:limits   see include/
-- ARGV[1] scheduler id   a scheduler that was declared dead must not start work its successor already started
-- ARGV[2] number of runs, then for each six values:
--   run id, function, key, accepted at (ms), due at (ms, 0 = now), input (the event as JSON)
-- reply {code, outcome per run…}: code 0 done, 1 fenced (nothing was done)
--   outcome 0 admitted, 1 waiting, 2 parked until due, 3 was there already
-- events none (a run enters history with its first step)
local p, scheduler, count = KEYS[1], ARGV[1], tonumber(ARGV[2])

if redis.call('HEXISTS', p .. ':schedulers', scheduler) == 0 then
  return { 1 }
end

--- include now
--- include limits
--- include admit

local reply = { 0 }
local seq = redis.call('INCRBY', p .. ':seq', count) - count
for i = 1, count do
  local at = 3 + (i - 1) * 6
  local id, fn, key, accepted_ms, due_ms, input =
    ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4]), ARGV[at + 5]
  local run_key = p .. ':run:' .. id
  if redis.call('EXISTS', run_key) == 1 then
    reply[i + 1] = 3
  else
    redis.call('HSET', run_key, 'fn', fn, 'key', key, 'seq', seq + i, 'at', accepted_ms)
    redis.call('SET', p .. ':input:' .. id, input)
    if due_ms > now_ms then
      redis.call('ZADD', p .. ':timers', due_ms, id)
      reply[i + 1] = 2
    elseif admit_or_wait(id, fn, key, seq + i) then
      reply[i + 1] = 0
    else
      reply[i + 1] = 1
    end
  end
end
return reply
