#!lua flags=allow-oom
-- lost_leases: which of the runs that a worker executes it should stop executing: others hold them, or they were cancelled.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:run:<id> hash
-- ARGV[1] worker id, then for each run: function, entry, run id
-- reply {0 keep, 1 another worker's, 2 cancelled, per run}
-- events none
local p, worker = KEYS[1], ARGV[1]

local reply = {}
for i = 2, #ARGV, 3 do
  local fn, entry, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local pending = redis.pcall('XPENDING', p .. ':ready:' .. fn, 'workers', entry, entry, 1, worker)
  if pending.err or not pending[1] then
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = redis.call('HEXISTS', p .. ':run:' .. id, 'cancel') == 1 and 2 or 0
  end
end
return reply
