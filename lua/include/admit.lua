-- admit: owns <p>:wait:<fn>:<key> (zset of run ids by sequence), <p>:blocked:<limit> (zset of queues by virtual time),
-- <p>:vt:<limit> (zset: key -> virtual time), <p>:clock (string) and <p>:unsettled (set of limits); appends to
-- <p>:ready:<fn>.
--
-- A queue is "<fn>:<key>". Every queue that has waiting runs stands in exactly one <p>:blocked:<limit>: that of a limit
-- that was full when it was last tried. A released slot looks only at the queues that its own limits block, so the
-- cost of an admission does not grow with the number of waiting keys. Among those queues the least virtual time
-- goes first (start-time fair queueing), which is what keeps a huge backlog of one key from delaying another's run.
--
-- One clock serves all limits, so that places behind different limits compare. A queue that begins to wait takes its
-- place at the clock; one that was served goes to a turn after the clock as it is then. Places are therefore given in
-- rising order, and everybody is served at most once before a newcomer, however fast the clock runs: a place that
-- was given is never put back because the clock has passed it. <p>:vt:<limit> remembers which keys had their turn from
-- that limit, for a key's queues share one turn, and for a queue that ran empty and comes back at once.
local function make_ready(id, fn)
  redis.call('XADD', p .. ':ready:' .. fn, '*', 'run', id)
end

-- Lua prints numbers with 14 digits; a score must come back as it went in, or a queue would look out of place for ever.
local function exact(number)
  return string.format('%.17g', number)
end

local clock_value

local function clock_now()
  clock_value = clock_value or tonumber(redis.call('GET', p .. ':clock') or '0')
  return clock_value
end

-- The time from which the key may be served behind this limit, 0 when it had no turn lately.
local function virtual_time(name, key)
  return tonumber(redis.call('ZSCORE', p .. ':vt:' .. name, key) or '0')
end

local function place(name, queue, vt)
  redis.call('ZADD', p .. ':blocked:' .. name, exact(vt), queue)
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
    place(full.name, queue, math.max(clock_now(), virtual_time(full.name, key)))
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

-- Virtual times behind a limit matter while somebody waits there, and while they are ahead of the queue served last.
local function forget_virtual_times(name, served_at)
  if redis.call('EXISTS', p .. ':blocked:' .. name) == 0 then
    redis.call('DEL', p .. ':vt:' .. name)
  else
    redis.call('ZREMRANGEBYSCORE', p .. ':vt:' .. name, '-inf', exact(served_at))
  end
end

-- The queue's next run is admitted; the queue then stands a turn later, behind fresh queues of that time.
local function serve(name, queue, fn, key, limits, at)
  local id = redis.call('ZPOPMIN', p .. ':wait:' .. queue)[1]
  if id ~= nil then
    take_slots(id, limits)
    make_ready(id, fn)
    clock_value = math.max(clock_now(), math.floor(at))
    redis.call('SET', p .. ':clock', exact(clock_value))
    redis.call('ZADD', p .. ':vt:' .. name, exact(clock_value + 1), key)
  end
  if redis.call('EXISTS', p .. ':wait:' .. queue) == 0 then
    redis.call('ZREM', p .. ':blocked:' .. name, queue)
  else
    place(name, queue, clock_value + 1.5)
  end
  return id ~= nil
end

-- Of the queues at the head of their limit the one to look at next: the name of its limit, nil when there is none.
local function least_of(heads)
  local from = nil
  for name, head in pairs(heads) do
    if from == nil or head.vt < heads[from].vt
      or (head.vt == heads[from].vt and head.queue < heads[from].queue) then
      from = name
    end
  end
  return from
end

-- Hands free room to waiting queues. `freed` is name -> true; at most `budget` queues are looked at, and a limit that
-- could not be finished is left in <p>:unsettled for the next turn of the timers. Returns the number admitted.
local function admit_waiting(freed, budget)
  local heads, left_at, admitted = {}, {}, 0
  for name in pairs(freed) do
    heads[name] = head_of(name)
  end
  local from = least_of(heads)
  while from ~= nil and budget > 0 do
    budget = budget - 1
    local queue, at = heads[from].queue, heads[from].vt
    local colon = string.find(queue, ':', 1, true)
    local fn, key = string.sub(queue, 1, colon - 1), string.sub(queue, colon + 1)
    local limits = limits_of(fn, key)
    local full = first_full(limits)
    if full ~= nil and full.name == from then
      heads[from] = nil
    elseif full ~= nil then
      redis.call('ZREM', p .. ':blocked:' .. from, queue)
      place(full.name, queue, math.max(at, virtual_time(full.name, key)))
      left_at[from] = left_at[from] or 0
      heads[full.name] = nil
      heads[from] = head_of(from)
    else
      local turn = virtual_time(from, key)
      if turn > at and redis.call('ZCARD', p .. ':blocked:' .. from) > 1 then
        -- Another queue of this key had the key's turn meanwhile.
        place(from, queue, turn)
      else
        if serve(from, queue, fn, key, limits, at) then
          admitted = admitted + 1
        end
        left_at[from] = math.floor(at)
      end
      heads[from] = head_of(from)
    end
    from = least_of(heads)
  end
  for name in pairs(heads) do
    redis.call('SADD', p .. ':unsettled', name)
  end
  for name, at in pairs(left_at) do
    forget_virtual_times(name, at)
  end
  return admitted
end
