#!lua flags=allow-oom
-- watch_crons: which functions have a schedule, and until when their ticks have been dealt with. A schedule that is new or
-- another one begins at the moment at which that is learnt: nothing past fires.
--
-- KEYS[1] partition prefix <p>, always that of partition 0; derived from it:
--   <p>:schedules hash   function -> its schedule, "-" = it has none any more
--   <p>:cron hash        function -> its last tick (ms); written by tick_cron as well
-- ARGV four per function: function; the schedule that <p>:schedules had when it was read, "" = nothing; the schedule that its
--   manifest gave when that was read, later, "-" = none; its last tick as Postgres knows it (ms), "" = none: where a
--   Redis that has lost its memory begins
-- A scheduler that has read an old manifest has then read the old schedule too, and one that was slow finds another one
-- here: neither can put back what was there before.
-- reply {now ms, last tick per function…}: "" for one without a schedule, or whose schedule is not the one that was asked for
-- events none
local p = KEYS[1]

--- include now

local reply = { string.format('%d', now_ms) }
for i = 1, #ARGV, 4 do
  local fn, before, after, known_ms = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local stored = redis.call('HGET', p .. ':schedules', fn) or ''
  if stored == before and before ~= after then
    redis.call('HSET', p .. ':schedules', fn, after)
    if after == '-' then
      redis.call('HDEL', p .. ':cron', fn)
    else
      redis.call('HSET', p .. ':cron', fn, known_ms ~= '' and known_ms or reply[1])
    end
    stored = after
  end
  local last_ms = stored == after and after ~= '-' and redis.call('HGET', p .. ':cron', fn)
  if last_ms == false and stored == after and after ~= '-' then
    -- taken out by hand: from now on
    last_ms = reply[1]
    redis.call('HSET', p .. ':cron', fn, last_ms)
  end
  reply[#reply + 1] = last_ms or ''
end
return reply
