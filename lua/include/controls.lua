-- controls: reads <p>:controls (hash), what operators have set for this partition: `pause/<fn>` (pause, drain),
-- `limit/<name>` (another maximum), `weight/<owner>` (turns compared with others). Mostly there is nothing, which costs one
-- question a call.
local controls, has_controls = {}, nil

local function control(kind, name)
  if has_controls == nil then
    has_controls = redis.call('EXISTS', p .. ':controls') == 1
  end
  if not has_controls then
    return false
  end
  local field = kind .. name
  if controls[field] == nil then
    controls[field] = redis.call('HGET', p .. ':controls', field)
  end
  return controls[field]
end
