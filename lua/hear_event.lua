#!lua flags=allow-oom
-- hear_event: an event that came is what these listeners wait for: a run that waits for it goes on with the event as the
-- step's result, one that it cancels ends.
--
-- KEYS[1] partition prefix <p>; derived from it: what include/listen.lua, resume.lua and cancel.lua name
-- ARGV[1] number of matches, then for each:
--   listener id, event name, the step that waited when the listener was found ("" = the run is to be cancelled), event as
--   JSON, rows for the archive when the run waits for it ("" for none)
-- reply {1 or 0 per match}: 0 = it listens no more, or waits for something else by now. A listener whose run has ended is
--   removed.
-- events `lines`, `cancelled`
local p, count = KEYS[1], tonumber(ARGV[1])

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


local function hear(id, slot, event, step, json, body)
  if redis.call('HEXISTS', p .. ':listener:' .. id, slot) == 0 then
    return 0
  end
  if not is_live(id) then
    unlisten(id, slot)
    return 0
  end
  if slot ~= 'w' then
    cancel_run(id, 'cancelled by the event ' .. event)
    return 1
  end
  return resume_run(id, step, step, json, body) ~= nil and 1 or 0
end

local reply = {}
for i = 1, count do
  local at = 2 + (i - 1) * 5
  local id, slot = string.match(ARGV[at], '^(.*)/([^/]*)$')
  reply[i] = hear(id, slot, unpack(ARGV, at + 1, at + 4))
end
admit_waiting(4 * count + 16)
return reply
