-- limits: owns <p>:slots:<limit> (set of run ids); reads <p>:limits (hash: function -> template), <p>:share:<limit> (hash) and
-- what operators have set.
-- A template is lines of "<max> <name>". A name that ends in ":$" is counted per owner, the first part of the run's key, one
-- that ends in ":$2" per its second part, and so on; parts are lines. <max> is a number; "~<number>": of all partitions
-- together, of which this one may use its share; "usd<cap>/<reserve>": a budget in µUSD. A limit's holders are a set,
-- never a counter, so that it can be audited and releasing twice is harmless.
-- A run remembers the template it was admitted by, and gives back what that one names: a function's limits may change
-- while its runs are under way, and those who wait behind a limit that is no more are let go by its last holders.
-- What every run passes is written for few instructions: lists are walked by number, tables made as large as they get.
local templates, lists, texts, used = {}, {}, {}, {}
local freed = {} -- limits of which this call gave slots back that nobody has got yet: in that order, and name -> true

-- Where a queue stands first when several are full, and which way it may move: what fewer share comes first.
local function rank_of(limit)
  if limit.part == 1 then
    return 1
  end
  return limit.part and 2 or 3
end

-- The function whose only limit the template's is, when it is that function's own, counted by the owner, and full by nothing but
-- its holders; nil of every other template.
local function sole_owner(template)
  local limit = template[1]
  if not limit or template[2] or limit.part ~= 1 or limit.cap or limit.shared then
    return nil
  end
  return string.match(limit.name, '^fn/(.*):%$$')
end

local function parse(text)
  local template = {}
  for max, name in string.gmatch(text, '(%S+) ([^\n]+)') do
    local limit = { name = name, place = #template }
    local cap, reserve = string.match(max, '^usd(%d+)/(%d+)$')
    local base, part = string.match(name, '^(.*:)%$(%d*)$')
    limit.cap, limit.reserve = tonumber(cap), tonumber(reserve)
    limit.shared = string.sub(max, 1, 1) == '~'
    limit.max = tonumber(limit.shared and string.sub(max, 2) or max) or 0
    if base then
      limit.base, limit.part = base, part == '' and 1 or tonumber(part)
    end
    limit.rank = rank_of(limit)
    template[#template + 1] = limit
  end
  table.sort(template, function(a, b)
    return a.rank < b.rank or a.rank == b.rank and a.place < b.place
  end)
  template.sole = sole_owner(template)
  return template
end

local function template_in(text)
  local template = templates[text]
  if template == nil then
    template = parse(text)
    templates[text] = template
  end
  return template
end

local function parts_of(key)
  if not string.find(key, '\n', 1, true) then
    return { key }
  end
  local parts = {}
  for part in string.gmatch(key .. '\n', '([^\n]*)\n') do
    parts[#parts + 1] = part
  end
  return parts
end

local function owner_of(key)
  local line = string.find(key, '\n', 1, true)
  return line and string.sub(key, 1, line - 1) or key
end

local function maximum_of(limit, name)
  local other = control('limit/', name)
  if other then
    return tonumber(other)
  end
  if limit.shared then
    return tonumber(redis.call('HGET', p .. ':share:' .. name, 'max') or '0')
  end
  return limit.cap or limit.max
end

local function list_limits(text, key)
  local owner, template, parts = owner_of(key), template_in(text), nil
  local list = { nil, text = text, owner = owner }
  for i = 1, #template do
    local limit = template[i]
    local name, own = limit.name, limit.part == 1
    if own then
      name = limit.base .. owner
    elseif limit.part then
      parts = parts or parts_of(key)
      name = limit.base .. (parts[limit.part] or '')
    end
    local its = {
      name = name, slots = p .. ':slots:' .. name, max = maximum_of(limit, name), own = own, alone = not own and limit.part ~= nil,
      sole = template.sole,
    }
    if limit.cap then
      its.cap, its.reserve, its.owner = its.max, limit.reserve, owner
    elseif limit.shared then
      its.shared = true
    end
    list[i] = its
  end
  return list
end

-- The template's limits for the key, those first that fewer share.
local function limits_in(text, key)
  local of_text = lists[text]
  if of_text == nil then
    of_text = {}
    lists[text] = of_text
  end
  local list = of_text[key]
  if list == nil then
    list = list_limits(text, key)
    of_text[key] = list
  end
  return list
end

local function text_of(fn)
  texts[fn] = texts[fn] or redis.call('HGET', p .. ':limits', fn) or ''
  return texts[fn]
end

local function limits_of(fn, key)
  return limits_in(text_of(fn), key)
end

-- The limits whose slots the run may hold; a run whose hash was deleted by hand at least those without a key.
local function limits_held(fn, key, template)
  return template and limits_in(template, key or '') or limits_of(fn, key or '')
end

local function holders(limit)
  local count = used[limit.name]
  if count == nil then
    count = redis.call('SCARD', limit.slots or p .. ':slots:' .. limit.name)
    used[limit.name] = count
  end
  return count
end

local function is_full(limit)
  if limit.cap then
    return is_over_budget(limit, holders(limit))
  end
  return holders(limit) >= limit.max
end

-- Runs that have begun stand apart from the others, since a drain lets them go.
local function paused_name(fn, begun)
  return 'paused/' .. fn .. (begun and '+' or '')
end

-- A function that is drained is paused for runs that have not begun.
local function is_paused(fn, begun)
  local pause = control('pause/', fn)
  return pause == 'pause' or pause == 'drain' and not begun
end

-- The first limit without room for one more run, or nil. A function that is paused is as one without room.
local function first_full(limits, fn, begun)
  if is_paused(fn, begun) then
    return { name = paused_name(fn, begun), max = 0, own = true }
  end
  for i = 1, #limits do
    if is_full(limits[i]) then
      return limits[i]
    end
  end
  return nil
end

-- Returns how many of the slots the run did not hold before.
local function take_slots(id, limits)
  local taken = 0
  for i = 1, #limits do
    local limit = limits[i]
    local before, added = holders(limit), redis.call('SADD', limit.slots, id)
    used[limit.name] = before + added
    taken = taken + added
  end
  return taken
end

local function note_freed(name)
  if not freed[name] then
    freed[name] = true
    freed[#freed + 1] = name
  end
end

local function release_slot(id, limit)
  local name = limit.name
  if redis.call('SREM', limit.slots, id) > 0 then
    if used[name] ~= nil then
      used[name] = used[name] - 1
    end
    note_freed(name)
  end
end

-- What the owner's runs alone use is handed out last: who has to go on from there to a limit that others use comes there when
-- those have been served who stood there before.
local function release_slots(id, limits)
  for i = 1, #limits do
    if not limits[i].own then
      release_slot(id, limits[i])
    end
  end
  for i = 1, #limits do
    if limits[i].own then
      release_slot(id, limits[i])
    end
  end
end
