-- admit: owns <p>:wait:<queue> (zset of run ids by their order), <p>:line:<fn>:<owner> (zset of queues by the order of their
-- first runs), <p>:blocked:<limit> (zset of queues and lines by tag), <p>:vt:<limit> (zset: owner -> tag, and a line's end -> the
-- tag that was served last), <p>:unsettled (set of limits) and <p>:tangled (hash: limit -> 1), and the fields
-- `entry` and `limits` of <p>:run:<id>; appends to <p>:ready:<fn>; adds to <p>:starved.
--
-- A queue is "<fn>:<key>", or "<fn>+:<key>" for runs that have begun before. Every queue that has waiting runs stands in
-- exactly one <p>:blocked:<limit>: that of a limit that was full when it was last tried. A released slot looks only at the
-- queues that its own limits block, so the cost of an admission does not grow with the number of waiting keys.
--
-- A key may have more parts than its owner, and one owner a hundred thousand such queues. What is counted by the owner, or by
-- nothing, is the same for all of them, so they stand behind it as one, a line, "\n<fn>:<owner>", in the order of their first
-- runs. Only behind a limit that is counted by another part a queue stands alone.
--
-- Behind a limit, queues stand by tag and the least goes first (start-time fair queueing). Who is served stands again a
-- turn later, 1 / weight of its owner; who comes new stands beside the one that was served last. Behind a limit that is
-- counted per owner, turns go round the owner's queues; behind any other, round the owners: <p>:vt:<limit> remembers until
-- when an owner has had its turn, for its other queues, and for one that ran empty and comes back at once.
--
-- A queue that has come to the front but needs another limit as well, behind which others wait, goes there and takes its
-- turn: else the one whose run has just ended would take back, through a limit of its own, what others wait for.
--
-- A limit that is all that a function has, and its owners' own, is mostly waited for by one queue, and include/hand_over.lua goes
-- a shorter way there. <p>:tangled names those of which more has to be asked: another queue stands there than that of new runs,
-- or more runs hold it than may.
local NEWCOMER = 1 / 64 -- not quite beside: those who wait get on, however many come new
local BEHIND = 1 / 1048576 -- the queue that was served goes behind its owner's others, which come to the same tag
local LAST_SERVED = '\n' -- no owner's name
local crowded, tangled, has_tangled = {}, {}, nil

local function make_ready(id, fn)
  return redis.call('XADD', p .. ':ready:' .. fn, '*', 'run', id)
end

-- Lua prints numbers with 14 digits; a score must come back as it went in, or a queue would look out of place for ever.
local function exact(number)
  return string.format(number % 1 == 0 and '%d' or '%.17g', number)
end

-- `member`: a queue or a line
local function set_tag(name, member, tag)
  redis.call('ZADD', p .. ':blocked:' .. name, exact(tag), member)
  if crowded[name] == false then
    crowded[name] = true
  end
end

local function leave(name, member)
  redis.call('ZREM', p .. ':blocked:' .. name, member)
  crowded[name] = nil
end

-- Who stands first, without its tag: Redis takes its time to write a score.
local function head_of(name)
  local first = redis.call('ZRANGE', p .. ':blocked:' .. name, '0', '1')
  return first[1] and { member = first[1], queue = first[1], alone = first[2] == nil, tag = nil }
end

local function tag_of(name, head)
  head.tag = head.tag or tonumber(redis.call('ZSCORE', p .. ':blocked:' .. name, head.member))
  return head.tag
end

local function is_crowded(name)
  if crowded[name] == nil then
    crowded[name] = redis.call('EXISTS', p .. ':blocked:' .. name) == 1
  end
  return crowded[name]
end

-- A hash and no set: the Redis users of earlier releases may ask HGET, and engines may be new before the users are.
local function is_tangled(name)
  if has_tangled == nil then
    has_tangled = redis.call('EXISTS', p .. ':tangled') == 1
  end
  if has_tangled and tangled[name] == nil then
    tangled[name] = redis.call('HGET', p .. ':tangled', name) ~= false
  end
  return has_tangled and tangled[name]
end

local function set_tangled(name, is)
  if is_tangled(name) == is then
    return
  end
  if is then
    redis.call('HSET', p .. ':tangled', name, '1')
  else
    redis.call('HDEL', p .. ':tangled', name)
  end
  has_tangled, tangled[name] = true, is
end

-- `member` stands behind the limit, which is all that a function has: is more to be asked when a slot comes free? When it stands
-- there alone, that is.
local function is_more_to_ask(limit, member, owner)
  return member ~= limit.sole .. ':' .. owner or holders(limit) > limit.max
end

local function turn_of(name, owner)
  return tonumber(redis.call('ZSCORE', p .. ':vt:' .. name, owner) or '0')
end

local function newcomers_tag(limit, owner)
  if not limit.own then
    local turns = redis.call('ZMSCORE', p .. ':vt:' .. limit.name, LAST_SERVED, owner)
    return math.max(tonumber(turns[1] or '0') + NEWCOMER, tonumber(turns[2] or '0'))
  end
  local tag = redis.call('ZRANGE', p .. ':blocked:' .. limit.name, '0', '0', 'WITHSCORES')[2]
  return tag and tonumber(tag) + NEWCOMER or 0
end

-- A queue or a line begins to wait behind the limit.
local function stand_behind(limit, member, owner)
  local tag = newcomers_tag(limit, owner)
  set_tag(limit.name, member, tag)
  if limit.sole and (tag > 0 or is_more_to_ask(limit, member, owner)) then -- who comes first has the tag 0
    set_tangled(limit.name, true)
  end
  if limit.shared then
    redis.call('SADD', p .. ':starved', limit.name)
  end
  if limit.cap then
    wake_for_budget(limit)
  end
end

-- The line that the queue belongs to, nil when its key is the owner alone.
local function line_of(queue)
  local first_end = string.find(queue, '\n', 1, true)
  return first_end and string.sub(queue, 1, first_end - 1) or nil
end

-- The order of a queue's first run, nil when it has none.
local function order_of_first(queue)
  return redis.call('ZRANGE', p .. ':wait:' .. queue, '0', '0', 'WITHSCORES')[2]
end

-- The queue takes its place in its line: it has another first run by now, or none (`order` nil) and leaves. Returns whether
-- anybody stands in the line.
local function place_in_line(line, queue, order)
  local line_key = p .. ':line:' .. line
  if order ~= nil then
    redis.call('ZADD', line_key, order, queue)
    return true
  end
  redis.call('ZREM', line_key, queue)
  return redis.call('EXISTS', line_key) == 1
end

-- A queue, whose first run has that order, begins to wait behind the limit or, with its line, behind what that waits for.
local function stand(limit, queue, order, owner)
  local line = line_of(queue)
  if line == nil or limit.alone then
    stand_behind(limit, queue, owner)
    return
  end
  local was_there = redis.call('EXISTS', p .. ':line:' .. line) == 1
  place_in_line(line, queue, order)
  if not was_there then
    stand_behind(limit, '\n' .. line, owner)
  end
end

-- The first limit whose room is not for newcomers: it came free in this call and belongs to those who stand behind it, who are
-- looked at when the call ends. Else a run whose branches begin one after another would keep its place for ever.
local function first_promised(limits)
  for i = 1, #limits do
    local limit = limits[i]
    if freed[limit.name] and is_crowded(limit.name) then
      return limit
    end
  end
  return nil
end

-- Admits the run now or puts it behind the others of its queue. `order` is the text that its hash has as `seq`; `fields` (name,
-- value…) go into its hash either way. Returns true when admitted.
local function admit_or_wait(id, fn, key, order, begun, fields)
  local queue = fn .. (begun and '+:' or ':') .. key
  local wait_key = p .. ':wait:' .. queue
  local waiting = text_of(fn) ~= '' and redis.call('ZCARD', wait_key)
  local limits, full
  if not waiting or waiting == 0 then -- else it waits behind the others, whatever there is room for
    limits = limits_of(fn, key)
    full = first_full(limits, fn, begun) or first_promised(limits)
    waiting = waiting or full and redis.call('ZCARD', wait_key) or 0
  end
  local admitted = full == nil and waiting == 0
  if admitted then
    take_slots(id, limits)
    fields[#fields + 1] = 'entry'
    fields[#fields + 1] = make_ready(id, fn)
    if #limits > 0 or #fields == 2 then -- one that was admitted before remembers others
      fields[#fields + 1] = 'limits'
      fields[#fields + 1] = limits.text
    end
  else
    redis.call('ZADD', wait_key, order, id)
  end
  if #fields > 0 then
    redis.call('HSET', p .. ':run:' .. id, unpack(fields))
  end
  if not admitted and waiting == 0 then
    stand(full, queue, order, limits.owner)
  elseif not admitted and line_of(queue) then
    redis.call('ZADD', p .. ':line:' .. line_of(queue), 'XX', 'LT', order, queue)
  end
  return admitted
end

-- A run that was admitted, and that no worker works on, goes back to waiting when its function is paused by now: returns
-- whether it is so.
local function put_back(id, fn)
  if not control('pause/', fn) then
    return false
  end
  local run_key = p .. ':run:' .. id
  local run = redis.call('HMGET', run_key, 'key', 'seq', 'limits', 'st', 'begun', 'parent_run')
  local key, begun = run[1], (run[4] or run[5] or run[6]) and true or false
  if not key or not is_paused(fn, begun) then
    return false
  end
  redis.call('HSET', run_key, 'entry', '')
  release_slots(id, limits_held(fn, key, run[3]))
  admit_or_wait(id, fn, key, run[2], begun, {})
  return true
end

-- The queue's next run is admitted; the queue, or its line, then stands a turn later, or nowhere when it is empty.
local function serve(name, own, head, fn, owner, limits)
  local wait_key = p .. ':wait:' .. head.queue
  local runs = head.line and redis.call('ZRANGE', wait_key, '0', '1', 'WITHSCORES') or redis.call('ZRANGE', wait_key, '0', '1')
  local id, next_order = runs[1], runs[4]
  local stays = runs[2] ~= nil
  if id ~= nil then
    redis.call('ZREM', wait_key, id)
    take_slots(id, limits)
    redis.call('HSET', p .. ':run:' .. id, 'entry', make_ready(id, fn), 'limits', limits.text)
  end
  local turn
  if not own then
    local tag = tag_of(name, head)
    turn = tag + 1 / tonumber(control('weight/', owner) or 1)
    redis.call('ZADD', p .. ':vt:' .. name, exact(turn), owner, exact(tag), LAST_SERVED)
  end
  if head.line then
    stays = place_in_line(head.line, head.queue, next_order)
  end
  if not stays then
    leave(name, head.member)
  elseif not (own and head.alone) then -- alone among an owner's own it keeps its place
    set_tag(name, head.member, (turn or tag_of(name, head) + 1) + BEHIND)
  end
  return id ~= nil
end

local function find_limit(limits, name)
  for i = 1, #limits do
    if limits[i].name == name then
      return limits[i]
    end
  end
  return nil
end

-- Of the limits that the queue needs beside `mine`, which it stands behind: the one it has to go to, nil when it may be served.
local function next_stop(limits, mine, fn, begun)
  local full = first_full(limits, fn, begun)
  if full ~= nil then
    return full
  end
  local passed = mine == nil
  for i = 1, #limits do
    local limit = limits[i]
    if passed and is_crowded(limit.name) then
      return limit
    end
    passed = passed or limit == mine
  end
  return nil
end

-- Turns matter while somebody waits, and while they are ahead of what was served last.
local function forget_turns(name)
  local vt_key = p .. ':vt:' .. name
  if redis.call('EXISTS', p .. ':blocked:' .. name) == 0 then
    redis.call('DEL', vt_key)
  else
    redis.call('ZREMRANGEBYSCORE', vt_key, '-inf', '(' .. exact(turn_of(name, LAST_SERVED)))
  end
end

-- The first queue needs a limit that the one it stands behind is not: it goes there.
local function move_on(name, head, stop, owner)
  if head.line and stop.alone then
    if not place_in_line(head.line, head.queue, nil) then
      leave(name, head.member)
    end
    stand_behind(stop, head.queue, owner)
  elseif head.line then
    leave(name, head.member)
    stand_behind(stop, head.member, owner)
  else
    leave(name, head.member)
    local order = order_of_first(head.queue)
    if order ~= nil then
      stand(stop, head.queue, order, owner)
    end
  end
end

-- Who stands first, and which queue that is; nil when nobody does.
local function first_behind(name)
  local head = head_of(name)
  while head ~= nil do
    if string.sub(head.member, 1, 1) ~= '\n' then
      return head
    end
    head.line = string.sub(head.member, 2)
    head.queue = redis.call('ZRANGE', p .. ':line:' .. head.line, '0', '0')[1]
    if head.queue ~= nil then
      return head
    end
    leave(name, head.member)
    head = head_of(name)
  end
  return nil
end

-- Looks at the first queue behind the limit. Returns 'served' or 'moved', or nil when nobody more can be served there; whether
-- owners take turns there; where the queue went; whether a run was admitted.
local function look_behind(name)
  local head = first_behind(name)
  if head == nil then
    if is_tangled(name) and holders({ name = name }) == 0 then -- as long as it has holders they may be too many
      set_tangled(name, false)
    end
    return nil
  end
  local colon = string.find(head.queue, ':', 1, true)
  local fn, key = string.sub(head.queue, 1, colon - 1), string.sub(head.queue, colon + 1)
  local begun = string.sub(fn, -1) == '+'
  if begun then
    fn = string.sub(fn, 1, -2)
  end
  local limits = limits_of(fn, key)
  local owner, mine = limits.owner, find_limit(limits, name)
  local own = mine == nil or mine.own -- behind a limit that the function has no more, turns go round the queues
  local turns = mine == nil or not own
  if mine and mine.sole then
    set_tangled(name, not head.alone or is_more_to_ask(mine, head.member, owner))
  end
  local stop = next_stop(limits, mine, fn, begun)
  if stop ~= nil and stop.name == name then
    if stop.cap then
      wake_for_budget(stop)
    end
    return nil, turns
  end
  if stop ~= nil then
    move_on(name, head, stop, owner)
    return 'moved', turns, stop.name
  end
  local turn = not own and turn_of(name, owner)
  if turn and turn > tag_of(name, head) and redis.call('ZCARD', p .. ':blocked:' .. name) > 1 then
    set_tag(name, head.member, turn) -- another queue of this owner had the owner's turn meanwhile
    return 'moved', turns
  end
  local served = serve(name, own, head, fn, owner, limits)
  if mine ~= nil and is_full(mine) and not mine.cap then
    return nil, turns, nil, served
  end
  return 'served', turns, nil, served
end

-- Hands the room that came free to waiting queues. At most `budget` queues are looked at, and a limit that could not be finished
-- is left in <p>:unsettled for the next turn of the timers. Returns the number admitted.
local function admit_waiting(budget)
  local names, admitted, at = freed, 0, 1
  freed = {}
  while at <= #names do
    local name, went_on, with_turns = names[at], 'served', false
    at = at + 1
    while went_on and budget > 0 do
      local turns, stop, served
      budget = budget - 1
      went_on, turns, stop, served = look_behind(name)
      with_turns = with_turns or turns
      if served then
        admitted = admitted + 1
      end
      if stop and not names[stop] then
        names[#names + 1] = stop
        names[stop] = true
      end
    end
    names[name] = nil
    if went_on then
      redis.call('SADD', p .. ':unsettled', name)
    end
    if with_turns then
      forget_turns(name)
    end
  end
  return admitted
end

local function leave_any(fn, key, begun, member)
  local names = { paused_name(fn, begun) }
  for _, limit in ipairs(limits_of(fn, key)) do
    names[#names + 1] = limit.name
  end
  for _, name in ipairs(names) do
    if redis.call('ZREM', p .. ':blocked:' .. name, member) == 1 then
      crowded[name] = nil
      forget_turns(name)
      if is_tangled(name) then
        redis.call('SADD', p .. ':unsettled', name) -- perhaps it is so no more
      end
    end
  end
end

-- A waiting run leaves its queue without having been served (it was cancelled). Nothing when it does not wait.
local function leave_queue(id, fn, key)
  for _, begun in ipairs({ false, true }) do
    local queue = fn .. (begun and '+:' or ':') .. key
    if redis.call('ZREM', p .. ':wait:' .. queue, id) == 1 then
      local line, order = line_of(queue), order_of_first(queue)
      if line and redis.call('ZSCORE', p .. ':line:' .. line, queue) then
        if not place_in_line(line, queue, order) then
          leave_any(fn, key, begun, '\n' .. line)
        end
      elseif order == nil then
        leave_any(fn, key, begun, queue)
      end
    end
  end
end
