#!lua flags=allow-oom
-- heard_paths: which of these events anybody in this partition listens to, and by which values listeners are filed.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:heard:<event> hash
-- ARGV[1…] event names
-- reply {{path…} per name}: the empty path stands for listeners that are not filed by a value; nobody listens: {}
-- events none
local p = KEYS[1]

local reply = {}
for i = 1, #ARGV do
  reply[i] = redis.call('HKEYS', p .. ':heard:' .. ARGV[i])
end
return reply
