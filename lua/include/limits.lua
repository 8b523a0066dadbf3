-- limits: owns <p>:slots:<limit> (set of run ids) and the field `limits` of <p>:run:<id>; reads <p>:limits (hash:
-- function -> template).
-- A template is lines of "<max> <name>"; a name that ends in ":$" is counted per key. A limit's holders are
-- a set, never a counter, so that it can be audited and releasing twice is harmless.
-- A run remembers the template it was admitted by, and gives back what that one names: a function's limits may change
-- while its runs are under way, and those who wait behind a limit that is no more are let go by its last holders.
local templates = {}
local used = {}

local function parse(text)
  local template = {}
  for max, name in string.gmatch(text, '(%d+) ([^\n]+)') do
    template[#template + 1] = {
      max = tonumber(max), name = name, keyed = string.sub(name, -2) == ':$',
    }
  end
  return template
end

-- The template's limits for the key, in its order: {name, max} each.
local function limits_in(text, key)
  templates[text] = templates[text] or parse(text)
  local list = { text = text }
  for i, limit in ipairs(templates[text]) do
    local name = limit.name
    if limit.keyed then
      name = string.sub(name, 1, -2) .. key
    end
    list[i] = { name = name, max = limit.max }
  end
  return list
end

local texts = {}

local function limits_of(fn, key)
  texts[fn] = texts[fn] or redis.call('HGET', p .. ':limits', fn) or ''
  return limits_in(texts[fn], key)
end

-- The limits whose slots the run may hold; a run whose hash was deleted by hand at least those without a key.
local function limits_held(id, fn)
  local run = redis.call('HMGET', p .. ':run:' .. id, 'limits', 'key')
  if run[1] then
    return limits_in(run[1], run[2] or '')
  end
  return limits_of(fn, run[2] or '')
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
  if #limits > 0 then
    redis.call('HSET', p .. ':run:' .. id, 'limits', limits.text)
  end
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
