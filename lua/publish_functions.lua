#!lua flags=allow-oom
-- publish_functions: what a worker's functions are like, for the schedulers to route by. All in one call: a scheduler that saw
-- only some of them would call the events of the others unmatched. A worker of an older build, started or coming back after
-- a newer one, does not put its older manifest over the newer. Of two that differ and have the same version the one that comes
-- last stays: nothing here tells a build that was left behind from one that an operator has gone back to, or from other settings.
-- Passes when Redis is full: old work goes on with the workers that are started then.
--
-- KEYS[1] chronos:functions hash (function -> manifest as JSON)
-- ARGV for each function: id, version, manifest
-- reply {0 written, 1 kept out: a newer version is there, 2 written over another one of the same version, per function}
-- events none
local functions = KEYS[1]

-- The version of what is there; what cannot be read is older than any.
local function version_of(text)
  local ok, manifest = pcall(cjson.decode, text)
  local version = ok and type(manifest) == 'table' and tonumber(manifest.version)
  return version or -1
end

local reply, fields = {}, {}
for i = 1, #ARGV, 3 do
  local id, version, manifest = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local before = redis.call('HGET', functions, id) or ''
  local version_before = version_of(before)
  local code = 0
  if version_before > version then
    code = 1
  else
    if version_before == version and before ~= manifest then
      code = 2
    end
    fields[#fields + 1] = id
    fields[#fields + 1] = manifest
  end
  reply[#reply + 1] = code
end
if #fields > 0 then
  redis.call('HSET', functions, unpack(fields))
end
return reply
