-- Who changed what by way of the console or the command line, and an index for its list of runs.
-- breaking: no
--
-- Why: an order of an operator stands in the table that it acts on, but not who gave it, as all of them come by the console's
-- one role. A row here is written in the transaction of the change: there is none without the other. Rows stay, they are few.
-- The console's list goes by id, newest first. Runs that did not complete are few among many, and are what people look for:
-- by status, or by a word of the error.
--
-- Locks: chronos.runs against writes while the index is built (some seconds for some million rows; the archive waits).

create table chronos.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    who text not null check (octet_length(who) between 1 and 200),
    from_address text not null check (octet_length(from_address) <= 100),
    action text not null check (octet_length(action) between 1 and 100),
    target text check (octet_length(target) <= 1000),
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    request_id text check (octet_length(request_id) <= 64)
);

-- list_audit of one run, function or rejected event; find_resent
create index audit_target on chronos.audit (target, id);

-- list_ended_runs: failed, cancelled and skipped ones
create index runs_not_completed on chronos.runs (id)
    where status <> 'completed';

-- Retries or replays of many runs in one order: those that cannot be are told, the others go on.
create function chronos.again_all(action text, runs text[], out run_id text, out row_id bigint, out error text)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if action is null or action not in ('retry', 'replay') then
        perform chronos.refuse('again_all: action must be retry or replay');
    end if;
    foreach run_id in array runs loop
        begin
            row_id := case action when 'retry' then chronos.retry(run_id) else chronos.replay(run_id) end;
            error := null;
        exception when invalid_parameter_value then
            row_id := null;
            error := sqlerrm;
        end;
        return next;
    end loop;
end
$fn$;

-- The same of cancellations.
create function chronos.cancel_all(runs text[], reason text, out run_id text, out row_id bigint, out error text)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    foreach run_id in array runs loop
        begin
            row_id := chronos.cancel(run_id, reason);
            error := null;
        exception when invalid_parameter_value then
            row_id := null;
            error := sqlerrm;
        end;
        return next;
    end loop;
end
$fn$;
