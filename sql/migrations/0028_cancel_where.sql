-- What chronos.cancel_where ends is said, never meant.
-- breaking: no
--
-- Why: cancel_where(null), as a script calls it whose variable is empty, ended every live run, and a misspelt function was
-- taken without a word and ended none. One thing has to be given now, or everything => true; and fn has to be known.
--
-- Locks: nothing but the function's rows in the catalog. Calls as they were before are understood, and who was granted the
-- old function has the new one.

create function chronos.cancel_where(fn text, owner text default null, since timestamptz default null,
                                     until timestamptz default null, condition text default null,
                                     everything boolean default false) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    given integer := num_nonnulls(fn, cancel_where.owner, cancel_where.since, cancel_where.until, cancel_where.condition);
    row_id bigint;
begin
    if given = 0 and everything is not true then
        perform chronos.refuse('cancel_where: one of fn, owner, since, until and condition must be given',
                               'everything => true ends all live runs');
    end if;
    if given > 0 and everything then
        perform chronos.refuse('cancel_where: everything must be alone: fn, owner, since, until and condition are null then');
    end if;
    if fn = '' then
        perform chronos.refuse('cancel_where: fn must be the id of a function, or null for any');
    end if;
    if fn is not null then
        perform chronos.find_function('cancel_where', fn);
    end if;
    if cancel_where.owner is not null then
        cancel_where.owner := chronos.check_owner('cancel_where', cancel_where.owner);
    end if;
    if not isfinite(since) or not isfinite(until) then
        perform chronos.refuse('cancel_where: since and until must be times, or null');
    end if;
    if since >= until then
        perform chronos.refuse('cancel_where: since must be earlier than until');
    end if;
    if octet_length(condition) not between 1 and 1024 then
        perform chronos.refuse('cancel_where: condition must have 1 to 1024 bytes, or be null');
    end if;
    insert into chronos.commands as c (kind, reason, function_id, owner, since, until, condition)
    values ('cancel_where', 'cancelled by an operator', fn, cancel_where.owner, cancel_where.since,
            cancel_where.until, cancel_where.condition)
    returning c.id into row_id;
    return row_id;
end
$fn$;

do $do$
declare
    old regprocedure := 'chronos.cancel_where(text, text, timestamptz, timestamptz, text)'::regprocedure;
    caller record;
begin
    if (select p.proacl is not null from pg_catalog.pg_proc p where p.oid = old) then
        revoke execute on function chronos.cancel_where(text, text, timestamptz, timestamptz, text, boolean) from public;
    end if;
    for caller in
        select case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end
                   || case when a.is_grantable then ' with grant option' else '' end as name
        from pg_catalog.pg_proc p
        cross join lateral aclexplode(p.proacl) a
        left join pg_catalog.pg_roles r on r.oid = a.grantee
        where p.oid = old
    loop
        execute format('grant execute on function'
                       ' chronos.cancel_where(text, text, timestamptz, timestamptz, text, boolean) to %s', caller.name);
    end loop;
end
$do$;

drop function chronos.cancel_where(text, text, timestamptz, timestamptz, text);
