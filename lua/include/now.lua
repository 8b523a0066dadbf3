-- now: the only clock that scheduling uses, read once per call (in Redis 7.0 TIME moves while a script runs).
local now_ms
do
  local time = redis.call('TIME')
  now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
