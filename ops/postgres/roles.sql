-- Roles with the rights that each part of Chronos needs, and no more. Run by the schema's owner (who may create roles,
-- or finds them created) or by a superuser, after `chronos-scheduler --migrate`; again whenever the application's
-- tables were added to. Running it twice changes nothing.
--
--   psql -v ON_ERROR_STOP=1 -f ops/postgres/roles.sql "$OWNERS_DATABASE_URL"
--
--   chronos_engine     the daemons: rows of the engine's tables and of the application's that its functions work on
--   chronos_producer   an application: may call chronos.send, and nothing else
--   chronos_reader     dashboards and exporters: reads the engine's tables
--   chronos_operator   people: reads the same, and gives orders (chronos.retry, cancel, pause, …)
--
-- They can log in, and have no password yet: \password chronos_engine. Or make logins of your own that are members
-- of them. The owner runs migrations and seeds; no daemon needs to be the owner.

begin;

do $do$
declare
    name text;
begin
    foreach name in array array['chronos_engine', 'chronos_producer', 'chronos_reader', 'chronos_operator'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = name) then
            execute format('create role %I login', name);
        end if;
    end loop;
    if to_regclass('chronos.schema_migrations') is null then
        raise 'there is no schema chronos in this database yet: run chronos-scheduler --migrate first';
    end if;
end
$do$;

-- ---- the engine's tables ----
grant usage on schema chronos to chronos_engine, chronos_producer, chronos_reader, chronos_operator;

grant select, insert, update, delete on all tables in schema chronos to chronos_engine;
revoke insert, update, delete on chronos.schema_migrations from chronos_engine;
grant usage on all sequences in schema chronos to chronos_engine;
grant execute on function
    chronos.send(text, jsonb, text, timestamptz, jsonb, text),
    chronos.ensure_partitions(integer, integer),
    chronos.part_old_rows(jsonb),
    chronos.drop_partition(text),
    chronos.drop_partitions(integer) to chronos_engine;

grant execute on function chronos.send(text, jsonb, text, timestamptz, jsonb, text) to chronos_producer;

grant select on all tables in schema chronos to chronos_reader, chronos_operator;
grant insert on chronos.outbox, chronos.commands to chronos_operator;
grant insert, update on chronos.controls to chronos_operator;
grant execute on function chronos.send(text, jsonb, text, timestamptz, jsonb, text) to chronos_operator;

-- those that later migrations bring, and tables by day: made by whoever owns the schema
do $do$
declare
    owner text := (select nspowner::regrole::text from pg_catalog.pg_namespace where nspname = 'chronos');
begin
    execute format('alter default privileges for role %s in schema chronos'
                   ' grant select, insert, update, delete on tables to chronos_engine', owner);
    execute format('alter default privileges for role %s in schema chronos'
                   ' grant select on tables to chronos_reader, chronos_operator', owner);
    execute format('alter default privileges for role %s in schema chronos'
                   ' grant usage on sequences to chronos_engine', owner);
end
$do$;

-- ---- the application's tables ----
grant usage on schema public to chronos_engine;

-- Where row security is on (Supabase), a policy lets the engine see every row; nobody else gains anything by it.
do $do$
declare
    tbl regclass;
begin
    for tbl in
        select c.oid::regclass
        from pg_catalog.pg_class c
        join unnest(array['analytics_cache', 'bulk_operations', 'course_modules', 'courses', 'creators',
                          'module_lessons', 'students', 'usage_metrics', 'video_analytics', 'video_analytics_events',
                          'video_chunks', 'video_watch_sessions', 'videos']) as used (name) on used.name = c.relname
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    loop
        execute format('grant select, insert, update, delete on %s to chronos_engine', tbl);
        if (select relrowsecurity from pg_catalog.pg_class where oid = tbl)
            and not exists (select from pg_catalog.pg_policy where polrelid = tbl and polname = 'chronos_engine') then
            execute format('create policy chronos_engine on %s to chronos_engine using (true) with check (true)', tbl);
        end if;
    end loop;
end
$do$;

commit;
