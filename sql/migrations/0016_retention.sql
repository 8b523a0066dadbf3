-- History is kept for so many days per table, and never leaves while something live needs it.
-- breaking: no
--
-- Why: chronos.drop_partitions went by age alone. A run may sleep for longer than history is kept: without its accepted event
-- and the results of its steps it could not be put back into a Redis that had lost it. And a run that several events began is
-- known as ended only as long as its row in chronos.runs is there: the row must outlive each of those events. So a day is
-- judged once, when it is over: settled is one whose accepted events have all ended, and only settled days leave. They leave
-- as whole partitions, one a transaction, so that writers wait for one short lock at a time; no rows are deleted.
--
-- Locks: nothing.

-- Past days of which no run is live any more. `joined` are the earlier days of runs that the day's events joined. A row leaves
-- with the last partition of its day.
create table chronos.settled_days (
    day date primary key,
    joined date[] not null,
    settled_at timestamptz not null default now()
);

-- When an id was made: its first ten characters tell (engine/id.c).
create function chronos.time_of_id(id text) returns timestamptz
language sql immutable strict parallel safe
as $fn$
    select chronos.from_ms(sum((position(substr(id, 10 - i, 1) in '0123456789ABCDEFGHJKMNPQRSTVWXYZ') - 1)::bigint << (5 * i))
                           ::bigint)
    from generate_series(0, 9) i
$fn$;

-- The days that have a partition, of the partitioned tables of this schema.
create view chronos.partitions as
    select t.table_name, c.oid::regclass as partition, to_date(right(c.relname, 8), 'YYYYMMDD') as day
    from chronos.partitioned_tables t
    join pg_catalog.pg_inherits i on i.inhparent = ('chronos.' || quote_ident(t.table_name))::regclass
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    where c.relname ~ '_\d{8}$';

-- Makes the partition of one UTC day of one table and fills it with what the default partition holds of it; false when it was
-- there. Under the lock of ensure_partitions. That writers to other days go on, and why the lock: see there.
create function chronos.make_partition(tbl chronos.partitioned_tables, day date) returns boolean
language plpgsql
set timezone = 'UTC'
as $fn$
declare
    part text := tbl.table_name || '_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass('chronos.' || quote_ident(part)) is not null then
        return false;
    end if;
    execute format('create table chronos.%I (like chronos.%I including all)', part, tbl.table_name);
    -- no row of the day may arrive between the move and the attachment
    execute format('lock table %s in access exclusive mode', tbl.default_partition::regclass);
    execute format('with moved as (delete from %s where %I >= %L and %I < %L returning *)'
                   ' insert into chronos.%I select * from moved',
                   tbl.default_partition::regclass, tbl.key_column, day::timestamptz,
                   tbl.key_column, (day + 1)::timestamptz, part);
    execute format('alter table chronos.%I attach partition chronos.%I for values from (%L) to (%L)',
                   tbl.table_name, part, day::timestamptz, (day + 1)::timestamptz);
    return true;
end
$fn$;

create or replace function chronos.ensure_partitions(days_back integer, days_ahead integer) returns integer
language plpgsql
set timezone = 'UTC'
as $fn$
declare
    made integer := 0;
    tbl chronos.partitioned_tables;
    day date;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for day in select d::date from generate_series(current_date - days_back,
                                                       current_date + days_ahead,
                                                       interval '1 day') d loop
            if chronos.make_partition(tbl, day) then
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$fn$;

-- Is a run live that an event of the day began? By the rules of open_live_runs (sql/queries/rebuild.sql).
create function chronos.is_day_live(day date) returns boolean
language sql stable
set timezone = 'UTC'
as $fn$
    select exists (
        select from chronos.events e
        cross join lateral unnest(e.run_ids) as r (run_id)
        where e.outcome = 'accepted'
            and e.accepted_at >= day::timestamptz
            and e.accepted_at < (day + 1)::timestamptz
            and not exists (
                select from chronos.runs done
                where done.id = r.run_id
                    and done.accepted_at = e.accepted_at
            )
            and (left(r.run_id, 10) = left(e.id, 10)
                or not exists (
                    select from chronos.runs done
                    where done.id = r.run_id
                ))
    )
$fn$;

-- The earlier days of runs that events of the day joined: such a run's id has another time than the event's.
create function chronos.days_joined(day date) returns setof date
language sql stable
set timezone = 'UTC'
as $fn$
    select distinct chronos.time_of_id(r.run_id)::date
    from chronos.events e
    cross join lateral unnest(e.run_ids) as r (run_id)
    where e.outcome = 'accepted'
        and e.accepted_at >= day::timestamptz
        and e.accepted_at < (day + 1)::timestamptz
        and left(r.run_id, 10) <> left(e.id, 10)
        and chronos.time_of_id(r.run_id) < day::timestamptz
$fn$;

-- Judges the next day after `after` that is over and was not judged yet; returns it, null when there is none. A day is read
-- once, and again each time while one of its runs is live. Yesterday is left out, as what waits in Redis to be recorded may
-- be of it. One a transaction: the schedulers make no partitions meanwhile.
create function chronos.settle_next_day(after date) returns date
language plpgsql
set timezone = 'UTC'
as $fn$
declare
    past date;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    select min(p.day) into past
    from chronos.partitions p
    where p.day < current_date - 1
        and (after is null or p.day > after)
        and not exists (select from chronos.settled_days s where s.day = p.day);
    if past is not null and not chronos.is_day_live(past) then
        insert into chronos.settled_days (day, joined)
        values (past, array(select chronos.days_joined(past)));
    end if;
    return past;
end
$fn$;

-- The days of runs whose results a live retry goes on from.
create function chronos.days_retried() returns setof date
language sql stable
set timezone = 'UTC'
as $fn$
    with recursive chain (run_id, depth) as (
        select e.retry_of, 1
        from chronos.events e
        cross join lateral unnest(e.run_ids) as r (run_id)
        where e.retry_of is not null
            and e.outcome = 'accepted'
            and not exists (select from chronos.runs done where done.id = r.run_id)
        union
        select e.retry_of, chain.depth + 1
        from chain
        join chronos.events e on e.id between left(chain.run_id, 10) || repeat('0', 16)
                                  and left(chain.run_id, 10) || repeat('Z', 16)
        where chain.run_id = any (e.run_ids)
            and e.retry_of is not null
            and chain.depth < 100
    )
    select distinct r.accepted_at::date
    from chain
    join chronos.runs r on r.id = chain.run_id
$fn$;

-- The partitions that are older than their table is to be kept. `keep` are days by the table's name; "default" is for those
-- that it does not name.
create function chronos.expired_partitions(keep jsonb) returns setof chronos.partitions
language sql stable
set timezone = 'UTC'
as $fn$
    select p.*
    from chronos.partitions p
    where p.day < current_date - coalesce(keep ->> p.table_name, keep ->> 'default')::integer
    order by p.day, p.table_name
$fn$;

-- What a missing partition has sent to the default partition becomes a partition when it is old enough to leave.
create function chronos.part_old_rows(keep jsonb) returns void
language plpgsql
set timezone = 'UTC'
set lock_timeout = '2s'
as $fn$
declare
    tbl chronos.partitioned_tables;
    old date;
begin
    perform chronos.check_keep(keep);
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for old in execute format(
            'select distinct %I::date from %s where %I < current_date - %L::integer and isfinite(%I)',
            tbl.key_column, tbl.default_partition::regclass, tbl.key_column,
            coalesce(keep ->> tbl.table_name, keep ->> 'default'), tbl.key_column)
        loop
            perform chronos.make_partition(tbl, old);
        end loop;
    end loop;
end
$fn$;

create function chronos.check_keep(keep jsonb) returns void
language plpgsql immutable
as $fn$
declare
    k record;
begin
    if jsonb_typeof(keep) is distinct from 'object' or not keep ? 'default' then
        raise exception 'keep must be an object of days by table, with "default"' using errcode = 'invalid_parameter_value';
    end if;
    for k in select key, value from jsonb_each(keep) loop
        if jsonb_typeof(k.value) <> 'number' or (k.value::text)::numeric not between 1 and 36500
            or (k.value::text)::numeric <> trunc((k.value::text)::numeric) then
            raise exception 'keep: % must be a whole number of days from 1 to 36500', k.key
                using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end
$fn$;

-- Those of them that may leave without harm to what is live, in the order in which they have to. The row of a run outlives all
-- events that name it.
create function chronos.droppable_partitions(keep jsonb) returns setof chronos.partitions
language sql stable
set timezone = 'UTC'
as $fn$
    with days_with_events as materialized (
        select p.day, s.day is not null as settled, s.joined
        from chronos.partitions p
        left join chronos.settled_days s on s.day = p.day
        where p.table_name = 'events'
    ),
    joined as materialized (
        select unnest(d.joined) as day
        from days_with_events d
        union all
        select j
        from days_with_events d
        cross join lateral chronos.days_joined(d.day) j
        where not d.settled
    ),
    retried as materialized (
        select chronos.days_retried() as day
    ),
    expired as materialized (
        select p.table_name, p.partition, p.day,
               p.table_name not in ('events', 'runs', 'run_steps', 'step_ledger')
               or exists (select from chronos.settled_days s where s.day = p.day)
                   and not exists (select from retried r where r.day = p.day) as is_free
        from chronos.expired_partitions(keep) p
    )
    select x.table_name, x.partition, x.day
    from expired x
    where x.is_free
        and (x.table_name <> 'runs'
            or not exists (select from joined j where j.day = x.day)
                and (not exists (select from days_with_events d where d.day = x.day)
                    or exists (select from expired ev where ev.table_name = 'events' and ev.day = x.day and ev.is_free)))
    order by x.day, x.table_name = 'runs', x.table_name
$fn$;

-- Drops one. It does not wait for long for its lock, as writers wait behind it.
create function chronos.drop_partition(partition text) returns void
language plpgsql
set timezone = 'UTC'
set lock_timeout = '2s'
as $fn$
declare
    part chronos.partitions;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    select * into part from chronos.partitions p where p.partition::text = drop_partition.partition;
    if not found then
        return; -- another scheduler was faster
    end if;
    execute format('drop table %s', part.partition);
    delete from chronos.settled_days s
    where s.day = part.day
        and not exists (select from chronos.partitions p where p.day = s.day);
end
$fn$;

-- Past their time, but something live needs them: what an operator is told.
create function chronos.held_partitions(keep jsonb) returns setof chronos.partitions
language sql stable
as $fn$
    select *
    from chronos.expired_partitions(keep)
    except
    select *
    from chronos.droppable_partitions(keep)
$fn$;

-- For schedulers of the version before.
create or replace function chronos.drop_partitions(keep_days integer) returns integer
language plpgsql
as $fn$
declare
    dropped integer := 0;
    judged date;
    part text;
    keep jsonb := jsonb_build_object('default', keep_days);
begin
    perform chronos.part_old_rows(keep);
    loop
        judged := chronos.settle_next_day(judged);
        exit when judged is null;
    end loop;
    for part in select p.partition::text from chronos.droppable_partitions(keep) p loop
        perform chronos.drop_partition(part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$fn$;

-- Tables are made and dropped with the rights of the schema's owner, and only by those who are given it
-- (ops/postgres/roles.sql).
alter function chronos.make_partition(chronos.partitioned_tables, date)
    security definer set search_path = pg_catalog, pg_temp;
alter function chronos.ensure_partitions(integer, integer) security definer set search_path = pg_catalog, pg_temp;
alter function chronos.part_old_rows(jsonb) security definer set search_path = pg_catalog, pg_temp;
alter function chronos.drop_partition(text) security definer set search_path = pg_catalog, pg_temp;
alter function chronos.drop_partitions(integer) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function chronos.make_partition(chronos.partitioned_tables, date) from public;
revoke execute on function chronos.ensure_partitions(integer, integer) from public;
revoke execute on function chronos.part_old_rows(jsonb) from public;
revoke execute on function chronos.drop_partition(text) from public;
revoke execute on function chronos.drop_partitions(integer) from public;
