#!lua flags=allow-oom
-- reap_worker: what a dead worker held goes back to the ready stream at once; its slots stay with the run. A consumer is
-- deleted only here, when its pending list is seen empty (XGROUP DELCONSUMER throws pending entries away).
-- The run counts the deaths; the next worker that claims it refuses to run it when there were too many.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:run:<id> hash (deaths),
--   <p>:history stream
-- ARGV[1] function, ARGV[2] worker id, ARGV[3] most entries to move in this call
-- reply {moved, left}: left = 1 when the worker still holds entries, call again
-- events `lost` for every run that went back
local p, fn, worker, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local stream = p .. ':ready:' .. fn

--- include now
--- include limits
--- include admit
--- include history

local pending = redis.call('XPENDING', stream, 'workers', '-', '+', most + 1, worker)
local moved = 0
for i = 1, math.min(#pending, most) do
  local entry = pending[i][1]
  local found = redis.call('XRANGE', stream, entry, entry)
  if found[1] then
    local id = found[1][2][2]
    if redis.call('EXISTS', p .. ':run:' .. id) == 1 then
      redis.call('HINCRBY', p .. ':run:' .. id, 'deaths', 1)
      make_ready(id, fn)
      history_add('lost', id, worker)
      moved = moved + 1
    end
    redis.call('XDEL', stream, entry)
  end
  redis.call('XACK', stream, 'workers', entry)
end
if #pending <= most then
  redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', worker)
  return { moved, 0 }
end
return { moved, 1 }
