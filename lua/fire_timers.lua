#!lua flags=allow-oom
-- fire_timers: runs whose retry, sleep, wait or start time has come go on; runs that are past a deadline are cancelled; limits
-- whose free room could not be handed out in one call get another turn. Any number of schedulers may call it at any time.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:timers zset (run ids, and limit/<name> for budgets), <p>:deadlines zset
--   (s:<run> begun by then, f:<run> ended by then), <p>:run:<id> hash, <p>:unsettled set, and what
--   include/ names
-- ARGV[1] most timers to fire in this call
-- reply {fired, admitted, wait}: wait = ms until the next timer or deadline, 0 when there is more to do now, -1 when there is
--   nothing
-- events waited, cancelled
local p, most = KEYS[1], tonumber(ARGV[1])

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include history
--- include listen
--- include finish
--- include branches
--- include cancel
--- include flow
--- include collect
--- include resume

local rooms, admitted = {}, 0

local due = redis.call('ZRANGE', p .. ':timers', '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, most)
for _, id in ipairs(due) do
  redis.call('ZREM', p .. ':timers', id)
  local limit = string.match(id, '^limit/(.*)$')
  if limit then
    rooms[#rooms + 1] = limit
  elseif wake(id) then
    admitted = admitted + 1
  end
end

-- A run that a worker holds has begun, and so has one that was parked by a step or brought its first results along.
local function has_begun(id)
  local marks = redis.call('HMGET', p .. ':run:' .. id, 'st', 'begun')
  return marks[1] or marks[2] or place_of(read_run(id)) == 'leased'
end

local late = redis.call('ZRANGE', p .. ':deadlines', '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, most)
for _, member in ipairs(late) do
  redis.call('ZREM', p .. ':deadlines', member)
  local what, id = string.match(member, '^(%a):(.*)$')
  if what == 'f' then
    cancel_run(id, 'timeout: it had not ended in time')
  elseif redis.call('EXISTS', p .. ':run:' .. id) == 1 and not has_begun(id) then
    cancel_run(id, 'timeout: it had not begun in time')
  end
end

local unsettled = redis.call('SRANDMEMBER', p .. ':unsettled', 16)
if #unsettled > 0 then
  redis.call('SREM', p .. ':unsettled', unpack(unsettled))
  for _, name in ipairs(unsettled) do
    rooms[#rooms + 1] = name
  end
end
table.sort(rooms)
for _, name in ipairs(rooms) do
  note_freed(name)
end
admitted = admitted + admit_waiting(200)

local wait_ms = redis.call('EXISTS', p .. ':unsettled') == 1 and 0 or -1
for _, key in ipairs({ ':timers', ':deadlines' }) do
  local first = redis.call('ZRANGE', p .. key, 0, 0, 'WITHSCORES')
  if first[1] then
    local left_ms = math.max(0, tonumber(first[2]) - now_ms)
    wait_ms = wait_ms < 0 and left_ms or math.min(wait_ms, left_ms)
  end
end
return { #due + #late, admitted, wait_ms }
