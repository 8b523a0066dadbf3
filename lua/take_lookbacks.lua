#!lua flags=allow-oom
-- take_lookbacks: listeners for which the events since their run began have to be looked through. They stay until
-- drop_lookback, so a crash in between only does the work again.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:lookbacks set, <p>:listener:<run> hash, <p>:run:<id> hash
-- ARGV[1] most
-- reply {listener id, event, own event id, expression, accepted at (ms) of the run, step that waits, …}
-- events none
local p, most = KEYS[1], tonumber(ARGV[1])

--- include listen

local reply = {}
for _, name in ipairs(redis.call('SRANDMEMBER', p .. ':lookbacks', most)) do
  local id, slot = string.match(name, '^(.*)/([^/]*)$')
  local record = id and redis.call('HGET', p .. ':listener:' .. id, slot)
  local event, _, _, _, own, expression = read_listener(record or '')
  if event then
    local run = redis.call('HMGET', p .. ':run:' .. id, 'at', 'wait')
    for _, word in ipairs({ name, event, own, expression, run[1] or '0', run[2] or '' }) do
      reply[#reply + 1] = word
    end
  else
    redis.call('SREM', p .. ':lookbacks', name)
  end
end
return reply
