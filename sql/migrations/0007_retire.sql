-- Functions that no build carries any more, and owners that are too long to be one.
-- breaking: no
--
-- Why: a function that was taken out of the code leaves its manifest, its schedule and runs that wait for a worker that
-- never comes. chronos.functions tells when a worker was last seen that executes it, and chronos.retire ends it in one order.
-- What limits count by has at most 128 bytes: a limit, budget or weight that was set for a longer owner was obeyed by nobody.
--
-- Locks: chronos.functions and chronos.commands for a moment; both are small.

alter table chronos.functions
    add column offered_at timestamptz; -- a worker that executes it was alive then, within half a minute

alter table chronos.commands
    drop constraint commands_kind_check,
    add constraint commands_kind_check
        check (kind in ('cancel', 'cancel_where', 'retire'));

-- Owners are compared as text: a UUID is written in lower case, as routing does.
create or replace function chronos.check_owner(caller text, owner text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if coalesce(owner, '') = '' then
        perform chronos.refuse(caller || ': owner must not be empty');
    end if;
    if owner ~ '[\x01-\x1f\x7f]' then
        perform chronos.refuse(caller || ': owner must be one line');
    end if;
    if octet_length(owner) > 128 then
        perform chronos.refuse(
            format('%s: owner has %s bytes; at most 128 are allowed', caller, octet_length(owner)),
            'a longer value is counted as its beginning, ~ and a hash: chronos-scheduler --explain RUN shows it as the key');
    end if;
    if owner ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return lower(owner);
    end if;
    return owner;
end
$fn$;

-- Ends a function that no worker executes any more: it is forgotten with its schedule, and its live runs are cancelled. Events
-- that it listened to start nothing of it from then on. A worker whose build has it makes it known again. Returns the
-- command's id; chronos.commands.result tells what came of it.
create function chronos.retire(fn text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    perform chronos.find_function('retire', fn);
    insert into chronos.commands as c (kind, reason, function_id)
    values ('retire', format('the function %s is retired', fn), fn)
    returning c.id into row_id;
    return row_id;
end
$fn$;
