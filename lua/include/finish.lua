-- finish: what is undone when a run ends, however it ends. The hash's field `ends` lists it, so that a plain run pays
-- nothing: `single <key>` (a line each), `listens`, `timed`, `gathers <key>`, `parent <partition>\t<run>\t<step>`.
-- Owns <p>:single:<fn>:<key> (string) and <p>:deadlines (zset).
local function undo(id, fn, what, rest)
  if what == 'single' then
    local key = p .. ':single:' .. fn .. ':' .. rest
    if redis.call('GET', key) == id then
      redis.call('DEL', key)
    end
  elseif what == 'listens' then
    unlisten_all(id)
  elseif what == 'timed' then
    redis.call('ZREM', p .. ':deadlines', 's:' .. id, 'f:' .. id)
  elseif what == 'gathers' then
    local key = p .. ':collect:' .. fn .. ':' .. rest
    if redis.call('GET', key) == id then
      redis.call('DEL', key)
    end
    redis.call('DEL', p .. ':gather:' .. id)
  end
end

-- `answer`: {'ok' or 'error', JSON} for whoever invoked the run.
local function end_run(id, fn, ends, answer)
  if not ends then
    return
  end
  for what, rest in string.gmatch(ends, '(%a+) ?([^\n]*)\n') do
    if what == 'parent' then
      local to = string.gsub(rest, '\t', '\n')
      redis.call('XADD', p .. ':events', '*', 'name', 'inngest/function.finished', 'data', '{}',
        'to', to, answer[1], answer[2])
    else
      undo(id, fn, what, rest)
    end
  end
end
