-- listen: owns what runs listen to, while they wait for an event or can be cancelled by one:
--   <p>:listener:<run> hash       slot -> event, path, value, until (ms, 0 = always), own event id, expression; one a line
--   <p>:heard:<event> hash        path -> how many listeners are filed under it
--   <p>:hear:<event>\n<path>\n<value> zset   listener ids "<run>/<slot>", all with the score 0
--   <p>:lookbacks set             listener ids for which earlier events have to be looked through
-- A listener whose expression asks for a value at a path is found by that value, others under the empty path.
local function filed_under(event, path, value)
  return p .. ':hear:' .. event .. '\n' .. path .. '\n' .. value
end

-- event, path, value, until, own event id, expression (which may have lines of its own); nil when it is none of ours
local function read_listener(record)
  return string.match(record, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n(%d+)\n([^\n]*)\n(.*)$')
end

local function listen(id, slot, event, path, value, until_ms, own_event, expression)
  local record = table.concat({ event, path, value, until_ms, own_event, expression }, '\n')
  redis.call('HSET', p .. ':listener:' .. id, slot, record)
  if redis.call('ZADD', filed_under(event, path, value), 0, id .. '/' .. slot) == 1 then
    redis.call('HINCRBY', p .. ':heard:' .. event, path, 1)
  end
end

local function unfile(event, path, value, name)
  if redis.call('ZREM', filed_under(event, path, value), name) == 1
    and redis.call('HINCRBY', p .. ':heard:' .. event, path, -1) <= 0 then
    redis.call('HDEL', p .. ':heard:' .. event, path)
  end
end

local function unlisten(id, slot)
  local key, name = p .. ':listener:' .. id, id .. '/' .. slot
  local record = redis.call('HGET', key, slot)
  if not record then
    return
  end
  local event, path, value = read_listener(record)
  if event then
    unfile(event, path, value, name)
  end
  redis.call('HDEL', key, slot)
  redis.call('SREM', p .. ':lookbacks', name)
end

local function unlisten_all(id)
  for _, slot in ipairs(redis.call('HKEYS', p .. ':listener:' .. id)) do
    unlisten(id, slot)
  end
end
