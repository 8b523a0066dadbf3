#!lua flags=allow-oom
-- set_share: this partition's share of a limit that all partitions share. What it may use is never more than what it was
-- granted (assign_shares): a share may always be lowered, but raised only by whoever granted it since it was set last, and
-- who lowers it for a new round thereby ends what earlier rounds may still have on their way.
--
-- KEYS[1] partition prefix <p>; derived from it:
--   <p>:share:<limit> hash   max, version (of the grants by which it was set); a share of nothing is forgotten after an hour
--   <p>:slots:<limit> set, <p>:unsettled set
-- ARGV[1] limit's name, with its key
-- ARGV[2] share
-- ARGV[3] version of the grants that it goes by
-- ARGV[4] when the demand of this partition was read (ms, by read_demand): a raise that took longer than ten seconds to come
--   is refused, so that none comes from before the grants were lost or forgotten
-- reply {code, holders}: code 0 set, 1 refused: others have set it by grants as new or newer, 2 refused: too late.
--   Once it is set no more get a slot while as many as the share hold one.
-- events none
local p, name, max, version, read_ms = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

--- include now

local FORGET_MS, LATE_MS = 3600000, 10000
local share_key = p .. ':share:' .. name
local share = redis.call('HMGET', share_key, 'max', 'version')
local has_max, has_version = tonumber(share[1] or '0'), tonumber(share[2] or '0')
local raised = max > has_max

local code = 0
if has_version > version or raised and has_version == version then
  code = 1
elseif raised and (now_ms < read_ms or now_ms - read_ms > LATE_MS) then
  code = 2
else
  redis.call('HSET', share_key, 'max', ARGV[2], 'version', ARGV[3])
  if max == 0 then
    redis.call('PEXPIRE', share_key, FORGET_MS)
  else
    redis.call('PERSIST', share_key)
  end
  if raised then
    redis.call('SADD', p .. ':unsettled', name)
  end
end
return { code, redis.call('SCARD', p .. ':slots:' .. name) }
