-- hand_over: the shorter way of a run that gives back its slot of a limit which is all that its function has, and its owner's own:
-- the next of its own queue gets it. That is what releasing the slot and looking who stands first (include/admit.lua, which owns
-- the keys) comes to as long as no queue but that of new runs stands there and no more runs hold the limit than may; with half
-- the questions. Where it is not so the limit is in <p>:tangled, or about to be: then a limit is in <p>:unsettled.
--
-- Earlier engines do not write <p>:tangled, so one run in twenty takes the longer way, which does. To be removed when no such
-- engine can run beside this one, nor what it left be there.
local ZERO = string.byte('0')
local has_unsettled

-- By the ms of its entry: a script has no other number that differs from run to run.
local function takes_the_longer_way(entry)
  return string.byte(entry, 13) == ZERO and string.byte(entry, 12) % 2 == 0
end

-- The limit whose slot the run may hand over, by its full name; nil when it has to be released. `held`: the template by which the
-- run was admitted, `entry`: its entry. Reads only.
local function limit_to_hand_over(fn, key, held, entry)
  local text = text_of(fn)
  if held ~= text or not key then
    return nil
  end
  local template = template_in(text)
  if template.sole ~= fn or takes_the_longer_way(entry) or string.find(key, '\n', 1, true) then
    return nil
  end
  if has_unsettled == nil then
    has_unsettled = redis.call('EXISTS', p .. ':unsettled') == 1
  end
  local name = template[1].base .. key
  if has_unsettled or is_tangled(name) or is_paused(fn, false) then
    return nil
  end
  return name
end

local function hand_over(id, fn, key, name)
  local slots = p .. ':slots:' .. name
  if redis.call('SREM', slots, id) == 0 then
    return -- it held none, so there is none to hand over
  end
  local queue = fn .. ':' .. key
  local wait_key = p .. ':wait:' .. queue
  local runs = redis.call('ZRANGE', wait_key, '0', '1')
  local next_id = runs[1]
  if next_id == nil then
    used[name] = used[name] and used[name] - 1
    if is_crowded(name) then
      note_freed(name)
    end
    return
  end
  if runs[2] == nil then
    leave(name, queue)
  end
  redis.call('ZREM', wait_key, next_id)
  redis.call('SADD', slots, next_id)
  redis.call('HSET', p .. ':run:' .. next_id, 'entry', make_ready(next_id, fn), 'limits', text_of(fn))
end
