#!lua
-- tick_cron: ticks of a function's schedule become events for it. Promise 6: each tick once, with any number of schedulers,
-- whatever the clock does: a plan holds only as long as the last tick is the one that it was made from, and ticks only go
-- forward. All ticks of a call or none.
-- Refused when Redis is full (no allow-oom), like all new work; the ticks are late then, or missed.
--
-- KEYS[1] partition prefix <p>, always that of partition 0; derived from it:
--   <p>:schedulers hash   schedulers that may start work
--   <p>:cron hash         function -> its last tick (ms); see watch_crons
--   <p>:events stream
-- ARGV[1] scheduler id
-- ARGV[2] function
-- ARGV[3] the last tick from which the plan was made (ms)
-- ARGV[4…] four per tick, in rising order, at most some hundred: tick (ms), event id, data (JSON), reason for which it is
--   skipped, "" = it starts a run
-- reply {code}: 0 sent, 1 another scheduler was faster: the last tick is another one by now, 2 not due by this clock,
--   3 fenced. Nothing is done but for 0. Called again it answers 1.
-- events none (a run enters history with its first step)
local p, scheduler, fn, planned_from = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local newest = ARGV[#ARGV - 3]

if redis.call('HEXISTS', p .. ':schedulers', scheduler) == 0 then
  return { 3 }
end
local last_ms = redis.call('HGET', p .. ':cron', fn)
if last_ms ~= planned_from or tonumber(ARGV[4]) <= tonumber(last_ms) then
  return { 1 }
end

--- include now

if tonumber(newest) > now_ms then
  return { 2 }
end
for i = 4, #ARGV, 4 do
  local tick_ms, id, data, skip = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local fields = { 'name', 'inngest/scheduled.timer', 'data', data, 'fn', fn, 'eid', id, 'at', tick_ms }
  if skip ~= '' then
    fields[#fields + 1] = 'skip'
    fields[#fields + 1] = skip
  end
  redis.call('XADD', p .. ':events', '*', unpack(fields))
end
redis.call('HSET', p .. ':cron', fn, newest)
return { 0 }
