#!lua flags=allow-oom
-- explain_wait: what a waiting run stands behind, who holds that, and how many are before it, for people.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash, <p>:wait:* <p>:line:* <p>:blocked:* <p>:slots:* (see include/)
-- ARGV[1] run id, ARGV[2] most holders to name
-- reply {} when it does not wait, or {limit (paused/<fn> when the function is paused, '' when it is only its turn), maximum, used,
--   unit (runs, µusd), place in its queue from 0, length of its queue, queues that stand before its own, {run that holds a slot…}}
-- events none
local p, id, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

--- include now
--- include controls
--- include budget
--- include limits
--- include admit

local values = redis.call('HMGET', p .. ':run:' .. id, 'fn', 'key', 'st', 'begun', 'parent_run')
local fn, key = values[1], values[2] or ''
if not fn then
  return {}
end
local begun = (values[3] or values[4] or values[5]) and true or false
local queue = fn .. (begun and '+:' or ':') .. key
local place = redis.call('ZRANK', p .. ':wait:' .. queue, id)
if not place then
  return {}
end

-- The limit that the queue stands behind, itself or with its line, and its place there.
local function standing(limits)
  local line = line_of(queue)
  local function rank(name)
    return redis.call('ZRANK', p .. ':blocked:' .. name, queue)
      or line and redis.call('ZRANK', p .. ':blocked:' .. name, '\n' .. line)
  end
  local ahead = rank(paused_name(fn, begun))
  if ahead then
    return { name = paused_name(fn, begun), max = 0 }, ahead
  end
  for _, limit in ipairs(limits) do
    ahead = rank(limit.name)
    if ahead then
      return limit, ahead
    end
  end
  return nil, 0
end

local limits = limits_of(fn, key)
local limit, ahead = standing(limits)
limit = limit or first_full(limits, fn, begun)
local used, held = 0, {}
if limit then
  used = limit.cap and spending_of(limit.owner).sum or holders(limit)
  held = redis.call('SRANDMEMBER', p .. ':slots:' .. limit.name, most)
end
return {
  limit and limit.name or '', string.format('%d', limit and limit.max or 0), string.format('%d', used),
  limit and limit.cap and 'µusd' or 'runs', place, redis.call('ZCARD', p .. ':wait:' .. queue), ahead, held,
}
