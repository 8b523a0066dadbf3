-- hand_over: the shorter way of a run that gives back its slot of a limit which is all that its function has, and its owner's own:
-- the next of its own queue gets it. That is what releasing the slot and looking who stands first (include/admit.lua, which owns
-- the keys) comes to as long as no other queue stands there and no more runs hold the limit than may; with half the
-- questions. Where it is not so the limit is in <p>:tangled. An engine of before that did not put it there: now and then
-- the longer way is gone all the same, which does.
local ZERO = string.byte('0')

-- The limit whose slot the run may hand over, nil when it has to be released. `held`: the template by which it was admitted.
local function lone_limit(fn, key, held)
  local text = text_of(fn)
  local limit = held and held == text and template_in(text).lone
  return limit and limit.of == fn and key and not string.find(key, '\n', 1, true) and limit or nil
end

-- `entry`: that of the run. Returns false, and has done nothing, when the slot has to be released.
local function hand_over(id, fn, key, entry, limit)
  local name = limit.base .. key
  local now_and_then = string.byte(entry, 13) == ZERO and string.byte(entry, 12) == ZERO -- one ms in a hundred
  if now_and_then or is_tangled(name) or is_paused(fn, false) then
    return false
  end
  local slots = p .. ':slots:' .. name
  if redis.call('SREM', slots, id) == 0 then
    return true
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
    return true
  end
  if runs[2] == nil then
    leave(name, queue)
  end
  redis.call('ZREM', wait_key, next_id)
  redis.call('SADD', slots, next_id)
  redis.call('HSET', p .. ':run:' .. next_id, 'entry', make_ready(next_id, fn), 'limits', text_of(fn))
  return true
end
