#!lua flags=allow-oom
-- note_archived: how far the partition's history is about to be archived. Written before Postgres commits the same, so
-- that Postgres is ahead of it only when this Redis has lost what it knew: it is older than Postgres.
--
-- KEYS[1] partition prefix <p>; derived from it: <p>:archived string
-- ARGV[1] id of the batch's last entry in <p>:history
-- reply {0} noted
-- events none
local p = KEYS[1]
local last = ARGV[1]

redis.call('SET', p .. ':archived', last)
return {0}
