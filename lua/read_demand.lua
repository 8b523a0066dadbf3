#!lua flags=allow-oom
-- read_demand: what this partition needs of limits that all partitions share: see scheduler/share_round.h for how shares move.
-- Names of limits behind which nobody stands any more leave <p>:starved.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:share:<limit> hash (max, version)   this partition's share; not there = 0
--   <p>:slots:<limit> set, <p>:blocked:<limit> zset of queues and lines, <p>:wait:<queue> zset, <p>:line:<fn>:<owner> zset
--     see include/limits and include/admit
--   <p>:starved set   shared limits behind which a run came to wait; added by include/admit
-- ARGV[1] most names of <p>:starved to give
-- ARGV[2] most queues to count behind a limit: beyond it each queue counts as one run, as does each queue of a line
-- ARGV[3…] names of limits, with their key
-- reply {now ms, {name…}, {max, version, holders, waiting}…}: the names that starve, then what each limit that was asked for
--   has here; version "0" = it never had a share
-- events none
local p, most_names, most_queues = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])

--- include now

local function count_waiting(name)
  local blocked = p .. ':blocked:' .. name
  local queues = redis.call('ZRANGE', blocked, 0, most_queues - 1)
  local waiting = #queues == most_queues and redis.call('ZCARD', blocked) - most_queues or 0
  for _, queue in ipairs(queues) do
    local line = string.match(queue, '^\n(.*)$')
    waiting = waiting + redis.call('ZCARD', line and p .. ':line:' .. line or p .. ':wait:' .. queue)
  end
  return waiting
end

local starved = {}
for _, name in ipairs(redis.call('SRANDMEMBER', p .. ':starved', most_names)) do
  if redis.call('EXISTS', p .. ':blocked:' .. name) == 1 then
    starved[#starved + 1] = name
  else
    redis.call('SREM', p .. ':starved', name)
  end
end

local reply = { string.format('%d', now_ms), starved }
for i = 3, #ARGV do
  local name = ARGV[i]
  local share = redis.call('HMGET', p .. ':share:' .. name, 'max', 'version')
  reply[#reply + 1] = {
    tonumber(share[1] or '0'), share[2] or '0', redis.call('SCARD', p .. ':slots:' .. name), count_waiting(name),
  }
end
return reply
