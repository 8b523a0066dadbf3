#!lua flags=allow-oom
-- explain_run: where a run is and what it waits for, for people.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:run:<id> hash and where runs are (see include/)
-- ARGV[1] run id
-- reply {name, value…}: state (absent, running, ready, waiting, sleeping, collecting, waiting to try again, waiting for an event,
--   waiting for a function, waiting for branches, waiting for a service, ended), and what there is of: function, key, attempt,
--   worker, due_in_ms, reason, step, error (of the attempt before, when a step is tried again), service and waits_for_ms (it is
--   down, out of quota or asked us to slow down), cancelling
-- events none
local p, id = KEYS[1], ARGV[1]

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

local reply = {}
local function say(name, value)
  if value then
    reply[#reply + 1] = name
    reply[#reply + 1] = tostring(value)
  end
end

local function reason_of(limit)
  if limit.cap then
    return 'budget: ' .. limit.owner .. string.format(' has spent $%.2f of $%.2f in the last hour',
      spending_of(limit.owner).sum / 1e6, limit.cap / 1e6)
  elseif string.find(limit.name, '^paused/') then
    return 'the function is paused or drained'
  end
  return 'limit ' .. limit.name .. string.format(': %d of %d', holders(limit), limit.max)
end

-- `held`, a line each: service, since, its answers so far, reason (see commit)
local function say_service(held)
  local service, since, reason = string.match(held, '^([^\n]*)\n(%d+)\n%d+\n(.*)$')
  say('state', service and 'waiting for a service' or 'sleeping')
  say('service', service)
  say('waits_for_ms', since and string.format('%d', now_ms - tonumber(since)))
  say('reason', reason)
end

local function say_place(run, more)
  local due = redis.call('ZSCORE', p .. ':timers', id)
  if run.done then
    say('state', 'ended')
  elseif run.entry and run.entry ~= '' then
    local lease = lease_of(run)
    say('state', lease and 'running' or 'ready')
    say('worker', lease and lease[2])
  elseif run.fan_next then
    say('state', 'waiting for branches')
    say('reason', (more.fan_left or '?') .. ' of ' .. (more.fan_total or '?') .. ' are not done')
  elseif more.wait then
    say('state', more.invoke and 'waiting for a function' or 'waiting for an event')
    say('step', more.wait)
    say('reason', more.invoke)
  elseif due and more.held and more.held ~= '' then
    say_service(more.held)
  elseif due then
    say('state', more.collect and 'collecting' or more.failing and more.failing ~= '' and 'waiting to try again' or 'sleeping')
  else
    local begun = more.st or more.begun or run.parent_run
    local full = first_full(limits_of(run.fn, run.key or ''), run.fn, begun)
    say('state', 'waiting')
    say('reason', full and reason_of(full) or 'its turn')
  end
  if more.failing and more.failing ~= '' and not run.done then
    say('step', more.failing)
    say('error', more.failure)
  end
  say('due_in_ms', due and string.format('%d', tonumber(due) - now_ms))
end

local run = read_run(id)
if not run.fn then
  return { 'state', 'absent' }
end
local names = { 'wait', 'invoke', 'collect', 'held', 'st', 'begun', 'try', 'cancel', 'fan_left', 'fan_total', 'failing', 'failure' }
local values, more = redis.call('HMGET', p .. ':run:' .. id, unpack(names)), {}
for i, name in ipairs(names) do
  more[name] = values[i]
end
say_place(run, more)
say('function', run.fn)
say('key', run.key)
say('attempt', more.try)
say('cancelling', more.cancel)
return reply
