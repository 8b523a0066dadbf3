#!lua flags=allow-oom
-- enter_service: may a request be sent to this outside service now? A service that is paused (see leave_service) is asked by
-- nobody until its pause is over, then by one request at a time over all workers, the probe, whose outcome decides.
-- A probe is a lease: its worker renews it while the request lasts by calling this again, and when that worker dies,
-- another one may probe as soon as the lease has ended.
--
-- KEYS[1] chronos:service:<name>:<account> (hash): fails since oks pause until kind reason probe probe_until, see leave_service
-- ARGV[1] who asks: worker and thread
-- ARGV[2] how long a probe's lease lasts (ms)
-- reply {code, wait, since, oks, kind, reason, now}: code 0 go on, 1 paused, 2 go on, as the probe; wait (ms) until it is to be
--   asked again, since (ms since 1970) it has failed, oks as its hash has it
-- events none
local service, who, lease_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])

--- include now

local ASK_AGAIN_MS = 1000 -- while a probe is under way

local s = redis.call('HMGET', service, 'until', 'since', 'oks', 'kind', 'reason', 'probe', 'probe_until')
local due_ms, kind = tonumber(s[1] or '0'), s[4] or ''
local function answer(code, wait_ms)
  return { code, wait_ms, tonumber(s[2] or '0'), tonumber(s[3] or '0'), kind, s[5] or '', now_ms }
end

if due_ms == 0 then
  return answer(0, 0)
elseif now_ms < due_ms then
  return answer(1, due_ms - now_ms)
elseif kind == 'rate' then
  -- it named the time itself
  redis.call('HDEL', service, 'until', 'kind', 'reason', 'since')
  return answer(0, 0)
elseif s[6] and s[6] ~= who and now_ms < tonumber(s[7]) then
  return answer(1, ASK_AGAIN_MS)
end
redis.call('HSET', service, 'probe', who, 'probe_until', string.format('%d', now_ms + lease_ms))
return answer(2, 0)
