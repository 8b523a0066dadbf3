-- history: owns <p>:history, what the archive, the console and the metrics read. `body` is passed through as bytes.
local function history_add(kind, run, body)
  redis.call('XADD', p .. ':history', '*', 'kind', kind, 'run', run, 'at', string.format('%d', now_ms), 'body', body)
end
