#!lua flags=allow-oom
-- leave_service: what a request told of its outside service. Failures that are the service's own, one after the other with no
-- answer in between, pause it for everybody; so does its word that nobody is served until a person acts, at once; so
-- does its word to slow down, for as long as it says. An answer ends the pause, except that of a request which was under way
-- when a person was asked for.
--
-- KEYS[1] chronos:service:<name>:<account> (hash, ends by itself a week after the last request that failed):
--           fails    failures without an answer in between; since: the first of them (ms)
--           oks      answers so far, while there is anything to remember
--           until    paused until then (ms), absent when it is not; pause: how long the next pause is (ms)
--           kind     down, stopped or rate; reason: the sentence for people
--           probe    who may ask after the pause; probe_until: the end of that lease (ms)
-- ARGV[1] who asked: worker and thread
-- ARGV[2] outcome   ok      it answered as it should, whatever the answer was
--                   outage  it could not be reached, or failed by itself
--                   stop    it serves nobody until a person acts
--                   rate    it told us to slow down
--                   none    nothing can be said (we ended the request)
-- ARGV[3] for rate: how long (ms)
-- ARGV[4] the sentence for people
-- reply {code, wait, since, oks, kind, reason, now}: code 0 not paused, 1 paused, 3 paused and was not before, 4 not paused
--   any more; the others as in enter_service
-- events none
local service, who, outcome, delay_ms, reason = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

--- include now

local FAILURES = 3 -- in a row
local FIRST_MS = { down = 2000, stopped = 15000 }
local LONGEST_MS = { down = 30000, stopped = 300000 }
local RATE_LONGEST_MS = 60000 -- then it is asked once more whether it still means it
local FORGET_MS = 7 * 24 * 3600000

local s = redis.call('HMGET', service, 'until', 'since', 'oks', 'kind', 'reason', 'probe', 'fails', 'pause')
local due_ms, since, oks = tonumber(s[1] or '0'), tonumber(s[2] or '0'), tonumber(s[3] or '0')
local kind, why, probes, fails = s[4] or '', s[5] or '', s[6] == who, tonumber(s[7] or '0')
local known = s[1] or s[2] or s[3] or s[7]
local was_paused = due_ms > 0

local function answer(code)
  return { code, math.max(due_ms - now_ms, 0), since, oks, kind, why, now_ms }
end
local function keep()
  redis.call('PEXPIRE', service, FORGET_MS)
end
local function resume()
  redis.call('HDEL', service, 'until', 'since', 'kind', 'reason', 'probe', 'probe_until', 'fails', 'pause')
  due_ms, since, kind, why = 0, 0, '', ''
end
local function pause(as, ms)
  due_ms, kind, why = now_ms + ms, as, reason
  redis.call('HSET', service, 'until', string.format('%d', due_ms), 'kind', kind, 'reason', why)
  redis.call('HDEL', service, 'probe', 'probe_until')
end
-- Each pause in a row is twice as long as the one before.
local function pause_longer(as)
  local ms = kind == as and tonumber(s[8]) or FIRST_MS[as]
  redis.call('HSET', service, 'pause', math.min(2 * ms, LONGEST_MS[as]))
  pause(as, ms)
end

if outcome == 'ok' then
  if not known then
    return answer(0) -- mostly: nothing is written about a service that is well
  end
  oks = redis.call('HINCRBY', service, 'oks', 1)
  if was_paused and kind ~= 'down' and not probes then
    return answer(1)
  end
  resume()
  return answer(was_paused and 4 or 0)
elseif outcome == 'none' then
  if probes then
    redis.call('HDEL', service, 'probe', 'probe_until')
  end
  return answer(was_paused and 1 or 0)
end

if since == 0 then
  since = now_ms
  redis.call('HSET', service, 'since', string.format('%d', since))
end
redis.call('HSETNX', service, 'oks', 0)
if outcome == 'outage' then
  fails = redis.call('HINCRBY', service, 'fails', 1)
  if probes or not was_paused and fails >= FAILURES then
    pause_longer(kind == 'stopped' and 'stopped' or 'down')
  end
elseif outcome == 'stop' then
  if probes or kind ~= 'stopped' then
    pause_longer('stopped')
  end
elseif kind ~= 'stopped' or probes then
  local ms = math.min(math.max(delay_ms, 1000), RATE_LONGEST_MS)
  if kind ~= 'rate' or now_ms + ms > due_ms then
    pause('rate', ms)
  end
end
keep()
return answer(due_ms == 0 and 0 or was_paused and 1 or 3)
