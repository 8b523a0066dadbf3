-- Views for the figures that need ids, which metrics must not have: who costs what, who uses most, who waits.
-- breaking: no
--
-- Why: a label per creator would be a series per creator. Dashboards read these views instead, over Grafana's Postgres data
-- source, and the scheduler counts the owners near their budget from the first.
--
-- Locks: nothing that exists but, for a moment, chronos.runs against writes, for the index.

-- spending_last_hour and the cost views: paid runs are few among all
create index runs_paid on chronos.runs (finished_at) where cost_usd > 0;

create view chronos.spending_last_hour as
    select creator_id as owner, sum(cost_usd) as usd, count(*) as runs
    from chronos.runs
    where cost_usd > 0 and finished_at > now() - interval '1 hour'
    group by creator_id;
comment on view chronos.spending_last_hour is
    'What the runs of an owner that ended in the last hour have cost. The budget itself is kept in Redis, by the minute.';

create view chronos.cost_by_creator_day as
    select date_trunc('day', finished_at) as day, creator_id, function_id, count(*) as runs, sum(cost_usd) as usd
    from chronos.runs
    where cost_usd > 0 and finished_at > now() - interval '31 days'
    group by 1, 2, 3;
comment on view chronos.cost_by_creator_day is 'Paid runs of the last 31 days.';

create view chronos.top_creators_day as
    select creator_id,
           count(*) as runs,
           count(*) filter (where status = 'failed') as failed,
           sum(coalesce(cost_usd, 0)) as usd,
           avg(extract(epoch from started_at - queued_at)) as mean_wait_seconds,
           max(extract(epoch from started_at - queued_at)) as longest_wait_seconds
    from chronos.runs
    where accepted_at > now() - interval '1 day' and creator_id is not null
    group by creator_id;
comment on view chronos.top_creators_day is
    'What each creator''s events of the last day have become: runs that have ended. Order it and limit it.';

create view chronos.failures_last_hour as
    select function_id, error_code, count(*) as runs, max(finished_at) as last_at,
           (array_agg(error_message order by finished_at desc))[1] as last_message
    from chronos.runs
    where status = 'failed' and finished_at > now() - interval '1 hour'
    group by function_id, error_code;
comment on view chronos.failures_last_hour is 'Failed runs of the last hour by function and class of error.';
