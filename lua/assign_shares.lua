#!lua flags=allow-oom
-- assign_shares: grants of a limit that all partitions share, in one place, so that their sum stays within the limit's maximum.
-- A partition uses no more than its grant (set_share); its grant is lowered only after it was told.
--
-- KEYS[1] chronos:shares:<limit>, a key of its own: hash v (version), g<partition> (granted)
-- ARGV[1] the limit's maximum
-- ARGV[2] version from which the grants were worked out, "" = nothing was there
-- ARGV[3…] pairs: partition, grant; the others keep theirs
-- reply {code, version}: code 0 assigned, with the new version; 1 another version is there; 2 refused: the sum would be more
--   than the maximum, and it may then only fall. Grants of nothing at all are forgotten after an hour; versions rise all the
--   same, as they follow the clock.
-- events none
local key, max, expected = KEYS[1], tonumber(ARGV[1]), ARGV[2]

--- include now

local FORGET_MS = 3600000
local flat, grants, version = redis.call('HGETALL', key), {}, ''
for i = 1, #flat, 2 do
  if flat[i] == 'v' then
    version = flat[i + 1]
  else
    grants[flat[i]] = tonumber(flat[i + 1])
  end
end
if version ~= expected then
  return { 1, version }
end

local raised = false
for i = 3, #ARGV, 2 do
  local field, grant = 'g' .. ARGV[i], tonumber(ARGV[i + 1])
  raised = raised or grant > (grants[field] or 0)
  grants[field] = grant
end
local sum = 0
for _, grant in pairs(grants) do
  sum = sum + grant
end
if raised and sum > max then
  return { 2, version }
end

local new = string.format('%d', math.max(now_ms, tonumber(version == '' and '0' or version) + 1))
local fields = { 'v', new }
for field, grant in pairs(grants) do
  if grant > 0 then
    fields[#fields + 1] = field
    fields[#fields + 1] = string.format('%d', grant)
  end
end
redis.call('DEL', key)
redis.call('HSET', key, unpack(fields))
if sum == 0 then
  redis.call('PEXPIRE', key, FORGET_MS)
end
return { 0, new }
