#!lua flags=allow-oom
-- check_runs: is each of these live runs somewhere where it will go on from, with the slots that it was admitted by? As audit_run,
-- but for people: nothing is mended.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash and where runs are (see include/)
-- ARGV[1…] run ids
-- reply {run id, what is wrong, detail, …}: run (it is nowhere; its function), slots (it runs without; a limit's name)
-- events none
local p = KEYS[1]

--- include now
--- include controls
--- include budget
--- include limits
--- include audit

local reply = {}
local function tell(id, what, detail)
  reply[#reply + 1] = id
  reply[#reply + 1] = what
  reply[#reply + 1] = detail
end

local function check(id)
  local run = read_audited(id)
  if not run then
    return
  end
  if not is_ready(id, run.fn, run.entry) then
    if is_nowhere(id, run) then
      tell(id, 'run', run.fn)
    end
    return
  end
  for _, limit in ipairs(run.limits and limits_in(run.limits, run.key) or {}) do
    if redis.call('SISMEMBER', p .. ':slots:' .. limit.name, id) == 0 then
      tell(id, 'slots', limit.name)
    end
  end
end

for _, id in ipairs(ARGV) do
  check(id)
end
return reply
