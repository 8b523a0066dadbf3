-- Roles that may do only what they are for (ops/postgres/roles.sql).
-- breaking: no
--
-- Why: an application that only sends events needed rights on tables to call chronos.send, and with them it could
-- read and write every event on its way. And daemons had to own the tables, as the tables by day are made and dropped
-- while they run. These three functions now run with the rights of the schema's owner, and only those may call
-- them who are given it. chronos.outbox does not tell who sent; everything that is checked is checked as before.
--
-- Locks: nothing but the functions' rows in the catalog. Whoever could insert into chronos.outbox can call
-- chronos.send as before.

alter function chronos.send(text, jsonb, text, timestamptz, jsonb, text) security definer;
alter function chronos.ensure_partitions(integer, integer) security definer set search_path = pg_catalog, pg_temp;
alter function chronos.drop_partitions(integer) security definer set search_path = pg_catalog, pg_temp;

revoke execute on function chronos.send(text, jsonb, text, timestamptz, jsonb, text) from public;
revoke execute on function chronos.ensure_partitions(integer, integer) from public;
revoke execute on function chronos.drop_partitions(integer) from public;

do $do$
declare
    sender record;
begin
    for sender in
        select distinct case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end as name
        from pg_catalog.pg_class c
        cross join lateral aclexplode(c.relacl) a
        left join pg_catalog.pg_roles r on r.oid = a.grantee
        where c.oid = 'chronos.outbox'::regclass and a.privilege_type = 'INSERT'
    loop
        execute format('grant execute on function'
                       ' chronos.send(text, jsonb, text, timestamptz, jsonb, text) to %s', sender.name);
    end loop;
end
$do$;
