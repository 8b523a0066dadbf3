-- The engine's own tables: what was accepted, what finished, and what each step did.
-- breaking: no
--
-- Why: Redis is fast, not final. Accepted events and finished runs are both appended here and never rewritten
-- (live work is the difference), so the big tables are cut into one partition per UTC day and retention drops
-- whole partitions. They receive COPY at more than 10,000 rows a second, so each index beyond the primary key
-- names the query it serves.
--
-- Locks: nothing that exists, but for a moment public.videos against writes, for the foreign key of transcripts.

create function chronos.from_ms(ms bigint) returns timestamptz
language sql stable strict parallel safe
as $fn$ select timestamptz 'epoch' + ms * interval '1 millisecond' $fn$;

create function chronos.to_ms(t timestamptz) returns bigint
language sql immutable strict parallel safe
as $fn$ select floor(extract(epoch from t) * 1000)::bigint $fn$;

create table chronos.events (
    id text not null,
    accepted_at timestamptz not null,
    stream_id text,
    name text not null,
    data json,
    "user" json,
    v text,
    ts timestamptz,
    idempotency_key text,
    creator_id text,
    outcome text not null check (outcome in ('accepted', 'duplicate', 'unmatched')),
    function_ids text[] not null default '{}',
    run_ids text[] not null default '{}',
    primary key (id, accepted_at)
) partition by range (accepted_at);

-- find_events_seen: was this idempotency key used in the last 24 hours
create index events_idempotency_key on chronos.events (idempotency_key)
    where idempotency_key is not null;
-- the console's list of the latest events of a name
create index events_name on chronos.events (name, accepted_at);

create table chronos.rejected_events (
    stream_id text not null,
    rejected_at timestamptz not null,
    reason text not null,
    name text,
    excerpt text,
    size_bytes integer,
    primary key (stream_id, rejected_at)
) partition by range (rejected_at);

create table chronos.runs (
    id text not null,
    accepted_at timestamptz not null,
    function_id text not null,
    event_id text,
    event_name text,
    creator_id text,
    status text not null check (status in ('completed', 'failed', 'cancelled')),
    attempts integer not null default 0,
    deaths integer not null default 0,
    queued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error_code text,
    error_message text,
    output json,
    cost_usd numeric(12, 6),
    worker text,
    primary key (id, accepted_at)
) partition by range (accepted_at);

-- the console's and the metrics' latest runs of a function
create index runs_function on chronos.runs (function_id, finished_at);
-- the console's latest runs of a creator
create index runs_creator on chronos.runs (creator_id, finished_at);
-- the console's list of failures; small while failures are few
create index runs_failed on chronos.runs (finished_at) where status = 'failed';

create table chronos.run_steps (
    run_id text not null,
    accepted_at timestamptz not null,
    step text not null,
    attempt integer not null,
    status text not null check (status in ('completed', 'failed', 'sleeping', 'lost')),
    started_at timestamptz,
    finished_at timestamptz,
    duration_us bigint,
    result json,
    error_code text,
    error_message text,
    cost_usd numeric(12, 6),
    worker text,
    primary key (run_id, step, attempt, accepted_at)
) partition by range (accepted_at);

-- A row says that the transactional step of a run took effect; it commits together with that effect. `result` is
-- null only inside the transaction that is making it.
create table chronos.step_ledger (
    run_id text not null,
    accepted_at timestamptz not null,
    step text not null,
    result json,
    worker text,
    committed_at timestamptz not null default now(),
    primary key (run_id, step, accepted_at)
) partition by range (accepted_at);

-- Rows of a day without a partition land here, so a missing partition never refuses work.
create table chronos.events_default partition of chronos.events default;
create table chronos.rejected_events_default partition of chronos.rejected_events default;
create table chronos.runs_default partition of chronos.runs default;
create table chronos.run_steps_default partition of chronos.run_steps default;
create table chronos.step_ledger_default partition of chronos.step_ledger default;

-- How far the history stream of one Redis partition has been copied here. Moved in the transaction of the copy.
create table chronos.archive_cursor (
    partition integer primary key,
    epoch text,
    last_id text
);

create table chronos.functions (
    id text primary key,
    manifest jsonb not null,
    version integer not null,
    updated_at timestamptz not null default now()
);

create table chronos.meta (
    key text primary key,
    value text
);

-- The timed captions of a video; the application's schema keeps only the plain text.
create table chronos.transcripts (
    video_id uuid primary key references public.videos on delete cascade,
    segments json not null,
    language text,
    method text,
    duration_seconds double precision,
    updated_at timestamptz not null default now()
);

-- The partitioned tables of this schema with the column they are cut by.
create view chronos.partitioned_tables as
    select c.relname as table_name, a.attname as key_column, p.partdefid as default_partition
    from pg_catalog.pg_partitioned_table p
    join pg_catalog.pg_class c on c.oid = p.partrelid
    join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
    where c.relnamespace = 'chronos'::regnamespace;

-- Makes the partitions from days_back before today (UTC) to days_ahead after it; returns how many were missing.
-- A partition is filled with what the default partition holds of its day and then attached, which does not
-- stop writers to other days. One caller at a time; the others wait and find nothing to do.
create function chronos.ensure_partitions(days_back integer, days_ahead integer) returns integer
language plpgsql
set timezone = 'UTC'
as $fn$
declare
    made integer := 0;
    tbl record;
    day date;
    part text;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for day in select d::date from generate_series(current_date - days_back,
                                                       current_date + days_ahead,
                                                       interval '1 day') d loop
            part := tbl.table_name || '_' || to_char(day, 'YYYYMMDD');
            continue when to_regclass('chronos.' || quote_ident(part)) is not null;
            execute format('create table chronos.%I (like chronos.%I including all)',
                           part, tbl.table_name);
            -- no row of the day may arrive between the move and the attachment
            execute format('lock table %s in access exclusive mode', tbl.default_partition::regclass);
            execute format('with moved as (delete from %s where %I >= %L and %I < %L returning *)'
                           ' insert into chronos.%I select * from moved',
                           tbl.default_partition::regclass, tbl.key_column, day::timestamptz,
                           tbl.key_column, (day + 1)::timestamptz, part);
            execute format('alter table chronos.%I attach partition chronos.%I'
                           ' for values from (%L) to (%L)',
                           tbl.table_name, part, day::timestamptz, (day + 1)::timestamptz);
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$fn$;

-- Drops the partitions of days more than keep_days before today (UTC) and deletes as old rows from the default
-- partitions; returns how many partitions went. keep_days must exceed the life of the longest run: a run's
-- ledger and its accepted event must outlive it.
create function chronos.drop_partitions(keep_days integer) returns integer
language plpgsql
set timezone = 'UTC'
as $fn$
declare
    dropped integer := 0;
    tbl record;
    part record;
    oldest date := current_date - keep_days;
begin
    if keep_days is null or keep_days < 1 then
        raise exception 'keep_days must be at least 1' using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for part in
            select c.oid::regclass as name
            from pg_catalog.pg_inherits i
            join pg_catalog.pg_class c on c.oid = i.inhrelid
            where i.inhparent = ('chronos.' || quote_ident(tbl.table_name))::regclass
                and c.relname ~ '_\d{8}$'
                and to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
        loop
            execute format('drop table %s', part.name);
            dropped := dropped + 1;
        end loop;
        execute format('delete from %s where %I < %L',
                       tbl.default_partition::regclass, tbl.key_column, oldest::timestamptz);
    end loop;
    return dropped;
end
$fn$;

select chronos.ensure_partitions(1, 7);
