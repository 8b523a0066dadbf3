-- limits: owns <p>:slots:<limit> (set of run ids) and reads <p>:limits (hash: function -> template).
-- A template is lines of "<max> <name>"; a name that ends in ":$" is counted per key. A limit's holders are
-- a set, never a counter, so that it can be audited and releasing twice is harmless.
local templates = {}
local used = {}

local function limits_of(fn, key)
  local template = templates[fn]
  if template == nil then
    template = {}
    local text = redis.call('HGET', p .. ':limits', fn) or ''
    for max, name in string.gmatch(text, '(%d+) ([^\n]+)') do
      template[#template + 1] = {
        max = tonumber(max), name = name, keyed = string.sub(name, -2) == ':$',
      }
    end
    templates[fn] = template
  end
  local list = {}
  for i, limit in ipairs(template) do
    local name = limit.name
    if limit.keyed then
      name = string.sub(name, 1, -2) .. key
    end
    list[i] = { name = name, max = limit.max }
  end
  return list
end

local function holders(name)
  local count = used[name]
  if count == nil then
    count = redis.call('SCARD', p .. ':slots:' .. name)
    used[name] = count
  end
  return count
end

-- The first limit without room for one more run, or nil.
local function first_full(limits)
  for _, limit in ipairs(limits) do
    if holders(limit.name) >= limit.max then
      return limit
    end
  end
  return nil
end

local function take_slots(id, limits)
  for _, limit in ipairs(limits) do
    used[limit.name] = holders(limit.name) + redis.call('SADD', p .. ':slots:' .. limit.name, id)
  end
end

-- Gives back every slot of the run and notes in `freed` (name -> true) where room came free.
local function release_slots(id, limits, freed)
  for _, limit in ipairs(limits) do
    local removed = redis.call('SREM', p .. ':slots:' .. limit.name, id)
    if removed > 0 then
      if used[limit.name] ~= nil then
        used[limit.name] = used[limit.name] - 1
      end
      freed[limit.name] = true
    end
  end
end
