-- Dashboards are compressed by lz4 where the server can.
-- breaking: no
--
-- Why: most of a dashboard is the days of all time, a hundred kilobytes that say nothing happened. Compressing them by pglz was a
-- sixth of the time that the aggregation took; lz4 takes a tenth of that, and a dashboard is read more quickly.
--
-- Locks: analytics_cache for a moment; rows are written in the new way when they are written again.

do $do$
begin
    alter table public.analytics_cache alter column data set compression lz4;
exception
    when feature_not_supported then
        raise notice 'this server was built without lz4';
end
$do$;
