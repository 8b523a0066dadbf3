-- history: owns <p>:history, what the archive, the console and the metrics read. `body` is passed through as bytes.
--   lines       body: rows for Postgres, as workers and schedulers render them; run: the runs that ended with it
--   cancelled   the run ended; body: why
--   waited      the run waited in vain; body: the step
--   lost        the run lost its worker; body: the worker
local function history_add(kind, run, body)
  redis.call('XADD', p .. ':history', '*', 'kind', kind, 'run', run, 'at', string.format('%d', now_ms), 'body', body)
end
