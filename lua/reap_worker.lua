#!lua flags=allow-oom
-- reap_worker: what a dead worker held goes back to the ready stream at once; its slots stay with the run. Of a function that
-- is paused by now it waits instead, without slots. A consumer is deleted only here, when its pending list is seen empty
-- (XGROUP DELCONSUMER throws pending entries away).
-- The run counts the deaths; the next worker that claims it refuses to run it when there were too many. One that was to be
-- cancelled ends here.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:run:<id> hash (deaths),
--   <p>:history stream, and for cancelled runs what include/ names
-- ARGV[1] function, ARGV[2] worker id, ARGV[3] most entries to move in this call
-- reply {moved, left}: left = 1 when the worker still holds entries, call again
-- events `lost` for every run that went back, `cancelled`
local p, fn, worker, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local stream = p .. ':ready:' .. fn

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


local function hand_on(id)
  redis.call('HINCRBY', p .. ':run:' .. id, 'deaths', 1)
  if not put_back(id, fn) then
    redis.call('HSET', p .. ':run:' .. id, 'entry', make_ready(id, fn))
  end
  history_add('lost', id, worker)
end

local pending = redis.call('XPENDING', stream, 'workers', '-', '+', most + 1, worker)
local moved = 0
for i = 1, math.min(#pending, most) do
  local entry = pending[i][1]
  local found = redis.call('XRANGE', stream, entry, entry)
  redis.call('XACK', stream, 'workers', entry)
  if found[1] then
    redis.call('XDEL', stream, entry)
    local id = found[1][2][2]
    local reason = redis.call('HGET', p .. ':run:' .. id, 'cancel')
    if reason then
      note_start(id, pending[i][3])
      end_cancelled(id, read_run(id), reason)
    elseif redis.call('EXISTS', p .. ':run:' .. id) == 1 then
      hand_on(id)
      moved = moved + 1
    end
  end
end
admit_waiting(4 * most + 16)
if #pending <= most then
  redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', worker)
  return { moved, 0 }
end
return { moved, 1 }
