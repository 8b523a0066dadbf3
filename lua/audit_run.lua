#!lua flags=allow-oom
-- audit_run: is each of these live runs somewhere where it will go on from, and does it hold the slots of the limits it
-- was admitted by? What is not so is mended at once (see audit_slots): a lost run waits for admission again, a missing
-- slot is taken, and its limit looked at: by then it may have more holders than may.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash and where runs are (see include/), <p>:repairs hash, <p>:unsettled
-- ARGV[1…] run ids
-- reply {run id, what was wrong, …}: run (it was nowhere), slots (it ran without)
-- events none
local p = KEYS[1]

--- include now
--- include controls
--- include budget
--- include limits
--- include admit
--- include audit

local reply = {}
local function repaired(id, what)
  redis.call('HINCRBY', p .. ':repairs', what, 1)
  reply[#reply + 1] = id
  reply[#reply + 1] = what
end

local function audit(id)
  local run = read_audited(id)
  if not run then
    return
  end
  if is_ready(id, run.fn, run.entry) then
    local limits = run.limits and limits_in(run.limits, run.key)
    if limits and take_slots(id, limits) > 0 then
      for i = 1, #limits do
        redis.call('SADD', p .. ':unsettled', limits[i].name) -- there may be more holders by now than may
      end
      repaired(id, 'slots')
    end
  elseif is_nowhere(id, run) then
    admit_or_wait(id, run.fn, run.key, run.seq, run.begun, {})
    repaired(id, 'run')
  end
end

for _, id in ipairs(ARGV) do
  audit(id)
end
return reply
