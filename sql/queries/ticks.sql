-- Ticks of schedules, which are events like any other: accepted at the time of the tick.

-- name: last_tick :maybe
-- Until when a schedule's ticks have been dealt with, for a Redis that does not know. Those that a person made do not count,
-- and neither do those of another schedule. The index on name and accepted_at is read backwards until one is found.
-- $1 function, $2 schedule
select chronos.to_ms(e.accepted_at) as tick_ms
from chronos.events e
where e.name = 'inngest/scheduled.timer'
    and e.function_ids = array[$1::text]
    and e.data ->> 'manual' is null
    and e.data ->> 'cron' = $2::text
order by e.accepted_at desc
limit 1
