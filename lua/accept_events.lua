#!lua
-- accept_events: events that came over HTTP enter the engine's stream, all of a call or none. Promise 1.
-- A call brings one request's events, or those of a bundle of up to 64 requests (console/threads.h), which fail together.
-- Refused when Redis is full (no allow-oom): new work waits at the door, old work goes on.
-- Called again with the same ids it adds the entries again; routing starts nothing twice, by `eid`.
--
-- KEYS[1] {c0}:events stream
-- ARGV for each event: eid, at (ms, when it was accepted), name, data, id, ts (ms), user, v; what is empty is left out
-- reply {number of events}
-- events none
local stream = KEYS[1]
local names = { 'eid', 'at', 'name', 'data', 'id', 'ts', 'user', 'v' }

for first = 1, #ARGV, #names do
  -- what users wrote is held to the rules of the public door
  local entry = { 'from', 'outbox' }
  for i, name in ipairs(names) do
    local value = ARGV[first + i - 1]
    if value ~= '' then
      entry[#entry + 1] = name
      entry[#entry + 1] = value
    end
  end
  redis.call('XADD', stream, '*', unpack(entry))
end
return { #ARGV / #names }
