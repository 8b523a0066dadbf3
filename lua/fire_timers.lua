#!lua flags=allow-oom
-- fire_timers: runs whose retry, sleep or start time has come are admitted or queued; limits whose free room could not be
-- handed out in one call get another turn. Any number of schedulers may call it at any time.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:timers zset, <p>:run:<id> hash, <p>:unsettled set, and what
--   include/ names
-- ARGV[1] most timers to fire in this call
-- reply {fired, admitted, wait}: wait = ms until the next timer is due, 0 when more are due now, -1 when there is none
-- events none
local p, most = KEYS[1], tonumber(ARGV[1])

--- include now
--- include limits
--- include admit

local due = redis.call('ZRANGE', p .. ':timers', '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, most)
local admitted = 0
for _, id in ipairs(due) do
  redis.call('ZREM', p .. ':timers', id)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'fn', 'key', 'seq', 'done')
  if run[1] and not run[4] then
    if admit_or_wait(id, run[1], run[2], tonumber(run[3])) then
      admitted = admitted + 1
    end
  end
end

local unsettled = redis.call('SRANDMEMBER', p .. ':unsettled', 16)
if #unsettled > 0 then
  redis.call('SREM', p .. ':unsettled', unpack(unsettled))
  local freed = {}
  for _, name in ipairs(unsettled) do
    freed[name] = true
  end
  admitted = admitted + admit_waiting(freed, 200)
end

local wait = -1
local first = redis.call('ZRANGE', p .. ':timers', 0, 0, 'WITHSCORES')
if first[1] then
  wait = math.max(0, tonumber(first[2]) - now_ms)
end
return { #due, admitted, wait }
