-- admit: owns <p>:wait:<fn>:<key> (zset of run ids by sequence), <p>:blocked:<limit> (zset of queues by virtual
-- time), <p>:vt (zset: key -> virtual time), <p>:clock and <p>:unsettled; appends to <p>:ready:<fn>.
--
-- A queue is "<fn>:<key>". Every queue that has waiting runs stands in exactly one <p>:blocked:<limit>: that of a limit
-- that was full when it was last tried. A released slot looks only at the queues that its own limits block, so the
-- cost of an admission does not grow with the number of waiting keys. Among those queues the least virtual time
-- goes first (start-time fair queueing), which is what keeps a huge backlog of one key from delaying another's run.
local function make_ready(id, fn)
  redis.call('XADD', p .. ':ready:' .. fn, '*', 'run', id)
end

-- Lua prints numbers with 14 digits; a score must come back as it went in, or a queue would look out of place for ever.
local function exact(number)
  return string.format('%.17g', number)
end

local function virtual_start(key)
  local clock = tonumber(redis.call('GET', p .. ':clock') or '0')
  local vt = tonumber(redis.call('ZSCORE', p .. ':vt', key) or '0')
  return math.max(clock, vt)
end

-- Admits the run now or puts it behind the others of its queue. Returns true when admitted.
local function admit_or_wait(id, fn, key, seq)
  local queue = fn .. ':' .. key
  local limits = limits_of(fn, key)
  local wait_key = p .. ':wait:' .. queue
  local full = first_full(limits)
  local waiting = 0
  if #limits > 0 then
    waiting = redis.call('ZCARD', wait_key)
  end
  if waiting == 0 and full == nil then
    take_slots(id, limits)
    make_ready(id, fn)
    return true
  end
  redis.call('ZADD', wait_key, seq, id)
  if waiting == 0 then
    redis.call('ZADD', p .. ':blocked:' .. full.name, exact(virtual_start(key)), queue)
  end
  return false
end

local function head_of(name)
  local first = redis.call('ZRANGE', p .. ':blocked:' .. name, 0, 0, 'WITHSCORES')
  if first[1] == nil then
    return nil
  end
  return { queue = first[1], vt = tonumber(first[2]) }
end

-- Hands free room to waiting queues. `freed` is name -> true; at most `budget` queues are looked at, and a limit that
-- could not be finished is left in <p>:unsettled for the next turn of the timers. Returns the number admitted.
local function admit_waiting(freed, budget)
  local heads, admitted = {}, 0
  for name in pairs(freed) do
    heads[name] = head_of(name)
  end
  while true do
    local from = nil
    for name, head in pairs(heads) do
      if from == nil or head.vt < heads[from].vt
        or (head.vt == heads[from].vt and head.queue < heads[from].queue) then
        from = name
      end
    end
    if from == nil then
      return admitted
    end
    if budget <= 0 then
      for name in pairs(heads) do
        redis.call('SADD', p .. ':unsettled', name)
      end
      return admitted
    end
    budget = budget - 1

    local queue = heads[from].queue
    local colon = string.find(queue, ':', 1, true)
    local fn, key = string.sub(queue, 1, colon - 1), string.sub(queue, colon + 1)
    local limits = limits_of(fn, key)
    local full = first_full(limits)
    if full ~= nil and full.name == from then
      heads[from] = nil
    elseif full ~= nil then
      redis.call('ZREM', p .. ':blocked:' .. from, queue)
      redis.call('ZADD', p .. ':blocked:' .. full.name, exact(heads[from].vt), queue)
      heads[full.name] = nil
      heads[from] = head_of(from)
    else
      local start = virtual_start(key)
      if start > heads[from].vt and redis.call('ZCARD', p .. ':blocked:' .. from) > 1 then
        -- Another queue of this key was served meanwhile: take the place in the order that is now right.
        redis.call('ZADD', p .. ':blocked:' .. from, exact(start), queue)
        heads[from] = head_of(from)
      else
        local id = redis.call('ZPOPMIN', p .. ':wait:' .. queue)[1]
        if id ~= nil then
          take_slots(id, limits)
          make_ready(id, fn)
          admitted = admitted + 1
          redis.call('SET', p .. ':clock', exact(start))
          redis.call('ZADD', p .. ':vt', exact(start + 1), key)
        end
        if redis.call('EXISTS', p .. ':wait:' .. queue) == 0 then
          redis.call('ZREM', p .. ':blocked:' .. from, queue)
        else
          redis.call('ZADD', p .. ':blocked:' .. from, exact(start + 1), queue)
        end
        heads[from] = head_of(from)
      end
    end
  end
end
