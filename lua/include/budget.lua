-- budget: owns <p>:spent:<owner> (hash: minute since 1970 -> µUSD), what an owner's paid steps cost in the last hour, and
-- the members `limit/<name>` of <p>:timers. A minute counts until all of it is an hour old, so that no hour costs more.
local HOUR_MINUTES = 61
local spendings = {}

-- µUSD per minute that still counts, oldest minute first: {{minute, cost}…} and their sum.
local function spending_of(owner)
  local known = spendings[owner]
  if known == nil then
    known = { sum = 0 }
    local flat = redis.call('HGETALL', p .. ':spent:' .. owner)
    local oldest = math.floor(now_ms / 60000) - HOUR_MINUTES
    for i = 1, #flat, 2 do
      local minute, cost = tonumber(flat[i]), tonumber(flat[i + 1])
      if minute > oldest then
        known[#known + 1] = { minute = minute, cost = cost }
        known.sum = known.sum + cost
      end
    end
    table.sort(known, function(a, b) return a.minute < b.minute end)
    spendings[owner] = known
  end
  return known
end

local function spend(owner, micro_usd)
  local key, minute = p .. ':spent:' .. owner, math.floor(now_ms / 60000)
  if redis.call('HINCRBY', key, minute, micro_usd) == micro_usd then
    -- a new minute: those that do not count any more go
    for _, old in ipairs(redis.call('HKEYS', key)) do
      if tonumber(old) <= minute - HOUR_MINUTES then
        redis.call('HDEL', key, old)
      end
    end
    redis.call('PEXPIRE', key, 2 * 3600000)
  end
  spendings[owner] = nil
end

-- Over the cap, or with what the running ones may cost. One may always go when nothing is spent and nobody runs.
local function is_over_budget(limit, running)
  local spent = spending_of(limit.owner).sum
  return spent >= limit.cap
    or limit.reserve > 0 and (running > 0 or spent > 0) and spent + (running + 1) * limit.reserve > limit.cap
end

-- Who waits for the budget is looked at again when enough of it has become an hour old.
local function wake_for_budget(limit)
  local spending = spending_of(limit.owner)
  local left, due_ms = spending.sum, nil
  for _, minute in ipairs(spending) do
    left = left - minute.cost
    due_ms = (minute.minute + HOUR_MINUTES) * 60000
    if left < limit.cap then
      break
    end
  end
  if due_ms ~= nil then
    redis.call('ZADD', p .. ':timers', due_ms, 'limit/' .. limit.name)
  end
end
