#!lua flags=allow-oom
-- find_listeners: a page of those who listen to an event under a path and value (both empty: not filed by a value). Whether
-- their expression holds is for the caller to find out.
--
-- KEYS[1] partition prefix <p>; derived from it: what include/listen.lua names, <p>:run:<id> hash
-- ARGV[1] event, ARGV[2] path, ARGV[3] value, ARGV[4] listener id after which the page begins ("" = from the first),
-- ARGV[5] most
-- reply {next, listener id, own event id, expression, step, …}, in the order of ids; next = where the next page begins, ""
--   after the last; step = what waits for the event, "" when it cancels the run. One whose time is over is removed and left
--   out, and so is a name behind which there is no listener
-- events none
local p, event, path, value, after, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

--- include now
--- include listen

local from = after == '' and '-' or '(' .. after
local ids = redis.call('ZRANGE', filed_under(event, path, value), from, '+', 'BYLEX', 'LIMIT', 0, most)
local reply = { #ids == most and ids[most] or '' }
for _, name in ipairs(ids) do
  local id, slot = string.match(name, '^(.*)/([^/]*)$')
  local record = id and redis.call('HGET', p .. ':listener:' .. id, slot)
  local _, _, _, until_ms, own, expression = read_listener(record or '')
  if until_ms == nil then
    unfile(event, path, value, name)
    if record then
      unlisten(id, slot)
    end
  elseif until_ms ~= '0' and tonumber(until_ms) < now_ms then
    unlisten(id, slot)
  else
    reply[#reply + 1] = name
    reply[#reply + 1] = own
    reply[#reply + 1] = expression
    reply[#reply + 1] = slot == 'w' and redis.call('HGET', p .. ':run:' .. id, 'wait') or ''
  end
end
return reply
