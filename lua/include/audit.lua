-- audit: what both audits ask. Is the run in the ready stream, where its hash says? Who is held by a worker still is.
local function is_ready(id, fn, entry)
  if not entry or entry == '' then
    return false
  end
  local there = redis.pcall('XRANGE', p .. ':ready:' .. fn, entry, entry)
  return there.err == nil and there[1] ~= nil and there[1][2][2] == id
end
