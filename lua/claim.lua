#!lua flags=allow-oom
-- claim: take admitted runs for a worker and read all it needs to run them, in one round trip. The pending entry that
-- XREADGROUP makes is the lease. Never more than asked for, over all functions together. Of a function that is paused
-- nothing is given: what is there yet is about to be put back.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:ready:<fn> stream (group workers), <p>:run:<id> hash,
--   <p>:input:<id> string, <p>:steps:<id> hash, <p>:controls hash
-- ARGV[1] worker id, ARGV[2] most runs, ARGV[3…] functions, in the order in which they are looked at
-- A ready stream of the wrong type stops the others of the worker as little as an empty one; the call ends with its error when
-- nobody else has anything.
-- reply {{index of the function from 0, entry id, run id, hash flat, input, steps flat}…}
--   an entry whose run is gone (deleted by hand) has an empty hash; a branch (<run>.<n>) has the input and steps of its run
-- events none
local p, worker, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

--- include controls

-- Where input and results are: the run's own id, or that of the run it is a branch of. A run that has not begun has none.
local function source_of(id, hash)
  local begun = false
  for i = 1, #hash, 2 do
    if hash[i] == 'parent_run' then
      return hash[i + 1], true
    end
    begun = begun or hash[i] == 'st' or hash[i] == 'begun'
  end
  return id, begun
end

local reply, failure = {}, nil
for f = 3, #ARGV do
  local room = most - #reply
  if room <= 0 then
    break
  end
  local stream = p .. ':ready:' .. ARGV[f]
  local found = control('pause/', ARGV[f]) ~= 'pause'
    and redis.pcall('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', room, 'STREAMS', stream, '>')
  if found and found.err then
    if string.sub(found.err, 1, 7) == 'NOGROUP' then
      return found -- Redis has lost its data: what was delivered in this call is read again
    end
    failure = failure or { err = found.err .. ' (' .. stream .. ')' }
  elseif found then
    for _, entry in ipairs(found[1][2]) do
      local id = entry[2][2]
      local hash = redis.call('HGETALL', p .. ':run:' .. id)
      local source, begun = source_of(id, hash)
      reply[#reply + 1] = {
        f - 3, entry[1], id, hash,
        redis.call('GET', p .. ':input:' .. source),
        begun and redis.call('HGETALL', p .. ':steps:' .. source) or {},
      }
    end
  end
end
if failure and #reply == 0 then
  return failure
end
return reply
