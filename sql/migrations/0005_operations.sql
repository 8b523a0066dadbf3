-- What people and applications ask of the engine in SQL: events in their own transactions, and an operator's orders.
-- breaking: no
--
-- Why: an event that belongs to a change in the database must come if and only if that change is committed. It is
-- therefore a row of chronos.outbox, which the scheduler carries to Redis; the row stays until chronos.events has
-- the event, so that it survives the loss of Redis on the way. An operator's orders are rows for the same reason:
-- chronos.commands are carried out once and keep their result, chronos.controls are what holds now, and are put into
-- Redis again whenever it has lost them.
--
-- Locks: chronos.events and chronos.runs for a moment. The index on retry_of reads all of chronos.events and lets nobody
-- write there meanwhile (seconds for some million rows; the scheduler waits, nothing is lost). The check of
-- chronos.runs is not validated, since it only allows more than the one it replaces.

-- the events of a retry or a replay say whose it is
alter table chronos.events
    add column retry_of text,
    add column replay_of text;

-- check_retry: is this run being retried already; nearly all events are no retry
create index events_retry_of on chronos.events (retry_of)
    where retry_of is not null;

-- a run that was never started, with the reason in error_message
alter table chronos.runs
    drop constraint runs_status_check,
    add constraint runs_status_check
        check (status in ('completed', 'failed', 'cancelled', 'skipped')) not valid;

-- ---- tables ----

-- Events on their way to Redis, in the order of id. One with `function_id` is for that function only.
create table chronos.outbox (
    id bigint generated always as identity primary key,
    created_at timestamptz not null default clock_timestamp(),
    name text not null check (octet_length(name) between 1 and 256),
    data json not null check (json_typeof(data) = 'object'),
    idempotency_key text check (octet_length(idempotency_key) between 1 and 512),
    ts timestamptz,
    "user" json,
    v text check (octet_length(v) between 1 and 256),
    function_id text,
    retry_of text,
    replay_of text,
    -- given when it is appended to the stream: the event's id and the entry's; when to look next whether the event is
    -- recorded, and was the entry gone, without that, at the last look
    event_id text,
    stream_id text,
    look_at timestamptz,
    missed boolean not null default false,
    constraint outbox_name_is_not_the_engines check (function_id is not null or name not like 'inngest/%'),
    check (retry_of is null or function_id is not null),
    check (replay_of is null or function_id is not null)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.01);

-- take_outbox
create index outbox_unsent on chronos.outbox (id)
    where event_id is null;
-- look_for_outbox
create index outbox_sent on chronos.outbox (look_at)
    where event_id is not null;
-- check_retry
create index outbox_retry_of on chronos.outbox (retry_of)
    where retry_of is not null;

-- Orders that are carried out once, in the order of id. `result` says what became of them.
create table chronos.commands (
    id bigint generated always as identity primary key,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null default session_user,
    kind text not null check (kind in ('cancel', 'cancel_where')),
    run_id text,
    reason text not null check (octet_length(reason) between 1 and 1000),
    function_id text,
    owner text,
    since timestamptz,
    until timestamptz,
    condition text,
    applied_at timestamptz,
    result text,
    check ((kind = 'cancel') = (run_id is not null)),
    check ((applied_at is null) = (result is null))
);

-- next_command
create index commands_open on chronos.commands (id)
    where applied_at is null;

-- What operators have set. A value of null is one that was taken back: the row stays for some days, so that every
-- scheduler learns of it.
--   pause    name is a function, value is pause or drain
--   limit    name is that of the limit with its key, as in creator:<owner>; value is its maximum (of a budget in µUSD).
--            `part` tells which part of a run's key it is counted by: 1 is the owner, null is all together
--   weight   name is an owner, value is how many turns he gets compared with others
create table chronos.controls (
    kind text not null,
    name text not null check (octet_length(name) between 1 and 500),
    value text,
    part integer,
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null default session_user,
    primary key (kind, name),
    check (case kind
               when 'pause' then value in ('pause', 'drain')
               when 'limit' then value ~ '^\d{1,15}$'
               when 'weight' then value ~ '^\d{1,4}(\.\d{1,6})?$'
               else false
           end)
);

-- The schedulers look at once. What a notification says is in the table: it carries nothing.
create function chronos.notify_of_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    perform pg_notify(tg_argv[0], '');
    return null;
end
$fn$;

create trigger outbox_notify after insert on chronos.outbox
    for each statement execute function chronos.notify_of_change('chronos_outbox');
create trigger commands_notify after insert on chronos.commands
    for each statement execute function chronos.notify_of_change('chronos_commands');
create trigger controls_notify after insert or update on chronos.controls
    for each statement execute function chronos.notify_of_change('chronos_controls');

-- ---- checks that several functions make ----

create function chronos.refuse(message text, hint text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if hint is null then
        raise exception using errcode = 'invalid_parameter_value', message = message;
    end if;
    raise exception using errcode = 'invalid_parameter_value', message = message, hint = hint;
end
$fn$;

-- The manifest of a function that some worker has published.
create function chronos.find_function(caller text, fn text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $fn$
declare
    found_manifest jsonb;
begin
    if coalesce(fn, '') = '' then
        perform chronos.refuse(caller || ': fn must be the id of a function');
    end if;
    select f.manifest into found_manifest from chronos.functions f where f.id = fn;
    if found_manifest is null then
        perform chronos.refuse(
            format('%s: fn: there is no function %s', caller, left(fn, 128)),
            'select id from chronos.functions lists those that a worker has published');
    end if;
    return found_manifest;
end
$fn$;

-- What the public door would refuse. A number that is no 64-bit integer and no floating point number is one of them.
create function chronos.check_data(caller text, data jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $fn$
declare
    most bigint := coalesce((select m.value from chronos.meta m where m.key = 'max_event_bytes')::bigint, 524288);
    size bigint := octet_length(data::text);
begin
    if data is null or jsonb_typeof(data) <> 'object' then
        perform chronos.refuse(caller || ': data must be a JSON object, as in {"videoId": "…"}');
    end if;
    if size > most then
        perform chronos.refuse(
            format('%s: data has %s bytes; at most %s are allowed: store it and send its id', caller, size, most));
    end if;
    if jsonb_path_exists(data, 'strict $.**{100 to last} ? (@.type() == "object" || @.type() == "array")') then
        perform chronos.refuse(caller || ': data is nested deeper than 100 levels');
    end if;
    if jsonb_path_exists(data, 'strict $.** ? (@.type() == "number" &&'
                               ' (@ > 9223372036854775807 || @ < -9223372036854775808))') then
        perform chronos.refuse(caller || ': data holds a number that does not fit into 64 bits');
    end if;
end
$fn$;

-- Owners are compared as text: a UUID is written in lower case, as routing does.
create function chronos.check_owner(caller text, owner text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if coalesce(owner, '') = '' then
        perform chronos.refuse(caller || ': owner must not be empty');
    end if;
    if octet_length(owner) > 160 or owner ~ '[\x01-\x1f\x7f]' then
        perform chronos.refuse(caller || ': owner must be one line of at most 160 bytes');
    end if;
    if owner ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return lower(owner);
    end if;
    return owner;
end
$fn$;

-- Does an event that was accepted name this run? Its id begins with the same ten characters of time, so the primary
-- key leads there.
create function chronos.is_accepted_run(run text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $fn$
    select exists (
        select from chronos.events e
        where e.id between left(run, 10) || repeat('0', 16) and left(run, 10) || repeat('Z', 16)
            and run = any (e.run_ids)
    )
$fn$;

create function chronos.check_run_id(caller text, run text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if run is null or run !~ '^[0-9A-HJKMNP-TV-Z]{26}$' then
        perform chronos.refuse(format('%s: run must be the id of a run, 26 letters and digits, not %s', caller,
                                      coalesce(quote_literal(left(run, 64)), 'null')));
    end if;
end
$fn$;

-- The row of a run that has ended.
create function chronos.find_ended_run(caller text, run text) returns chronos.runs
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $fn$
declare
    ended chronos.runs;
begin
    perform chronos.check_run_id(caller, run);
    select r.* into ended from chronos.runs r where r.id = run;
    if not found then
        if chronos.is_accepted_run(run) then
            perform chronos.refuse(format('%s: run %s has not ended yet', caller, run));
        end if;
        perform chronos.refuse(format('%s: there is no run %s', caller, run),
                               'runs older than CHRONOS_RETENTION_DAYS are gone');
    end if;
    return ended;
end
$fn$;

-- ---- events ----

-- Puts an event into the outbox: it is sent if and only if the transaction commits. Returns the outbox row's id.
create function chronos.send(name text, data jsonb default '{}', id text default null, ts timestamptz default null,
                             "user" jsonb default null, v text default null) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    if coalesce(send.name, '') = '' then
        perform chronos.refuse('send: name must not be empty');
    end if;
    if octet_length(send.name) > 256 then
        perform chronos.refuse(format('send: name has %s bytes; at most 256 are allowed', octet_length(send.name)));
    end if;
    if starts_with(send.name, 'inngest/') then
        perform chronos.refuse('send: name: names that begin with inngest/ are the engine''s own');
    end if;
    perform chronos.check_data('send', send.data);
    if octet_length(send.id) not between 1 and 512 then
        perform chronos.refuse('send: id must have 1 to 512 bytes, or be null');
    end if;
    if send.ts not between '1980-01-01 00:00Z' and '2100-01-01 00:00Z' then
        perform chronos.refuse('send: ts must be between the years 1980 and 2100');
    end if;
    if octet_length(send."user"::text) > 65536 then
        perform chronos.refuse('send: user must be JSON of at most 65536 bytes');
    end if;
    if octet_length(send.v) not between 1 and 256 then
        perform chronos.refuse('send: v must have 1 to 256 bytes, or be null');
    end if;
    insert into chronos.outbox as o (name, data, idempotency_key, ts, "user", v)
    values (send.name, send.data - '_inngest', send.id, send.ts, send."user", send.v)
    returning o.id into row_id;
    return row_id;
end
$fn$;

-- Starts one function with that data, whatever it listens to.
create function chronos.invoke(fn text, data jsonb default '{}') returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    perform chronos.find_function('invoke', fn);
    perform chronos.check_data('invoke', invoke.data);
    insert into chronos.outbox as o (name, data, function_id)
    values ('inngest/function.invoked', invoke.data - '_inngest', fn)
    returning o.id into row_id;
    return row_id;
end
$fn$;

-- One run of a scheduled function now, beside its schedule.
create function chronos.trigger(fn text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    schedule text := chronos.find_function('trigger', fn) -> 'cron' ->> 'schedule';
    moment text := to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    row_id bigint;
begin
    if schedule is null then
        perform chronos.refuse(format('trigger: fn: %s has no schedule', fn),
                               'chronos.invoke starts any function');
    end if;
    insert into chronos.outbox as o (name, data, function_id)
    values ('inngest/scheduled.timer',
            json_build_object('cron', schedule, 'scheduledAt', moment, 'fireAt', moment, 'manual', true), fn)
    returning o.id into row_id;
    return row_id;
end
$fn$;

-- What began the run, again and for its function only. The engine's namespace is not the user's to fill.
create function chronos.send_again(event chronos.events, fn text, retry_of text, replay_of text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    if event.name not like 'inngest/%' and event.data::text like '%"\_inngest"%' then
        event.data := event.data::jsonb - '_inngest';
    end if;
    insert into chronos.outbox as o (name, data, "user", v, function_id, retry_of, replay_of)
    values (event.name, coalesce(event.data, '{}'), event."user", event.v, fn, send_again.retry_of,
            send_again.replay_of)
    returning o.id into row_id;
    return row_id;
end
$fn$;

-- The events of a run that has ended, oldest first: those that joined it came before it started (by the worker's clock, hence
-- the minute) and have a name that its function listens to, or the name of the first.
create function chronos.events_of_run(run chronos.runs) returns setof chronos.events
language sql stable
set search_path = pg_catalog, pg_temp
as $fn$
    select e.*
    from chronos.events e
    where e.name = any (
            array(select jsonb_array_elements_text(f.manifest -> 'triggers')
                  from chronos.functions f
                  where f.id = run.function_id) || run.event_name)
        and e.accepted_at >= run.accepted_at
        and e.accepted_at <= greatest(run.accepted_at, coalesce(run.started_at, run.finished_at)) + interval '1 minute'
        and run.id = any (e.run_ids)
    order by e.id
$fn$;

-- Does a run of the function see all events that it was started by, and not only the last?
create function chronos.joins_events(fn text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $fn$
    select coalesce(
        (select coalesce((f.manifest -> 'batch' ->> 'max_size')::numeric, 0) > 0
                or coalesce((f.manifest -> 'debounce' ->> 'keep_all')::boolean, false)
         from chronos.functions f
         where f.id = fn),
        false)
$fn$;

-- A second retry beside one that runs, or that went well, would do the work twice.
create function chronos.check_retry(run text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    other text;
begin
    perform pg_advisory_xact_lock(hashtextextended('chronos.retry:' || run, 0));
    if exists (select from chronos.outbox o where o.retry_of = run) then
        perform chronos.refuse(format('retry: run %s is being retried already', run));
    end if;
    select again.run_id into other
    from chronos.events e
    cross join lateral unnest(e.run_ids) as again (run_id)
    where e.retry_of = run
        and not exists (
            select from chronos.runs r
            where r.id = again.run_id
                and r.status <> 'completed'
        )
    limit 1;
    if found then
        perform chronos.refuse(format('retry: run %s has been retried by run %s', run, other));
    end if;
end
$fn$;

-- Goes on with a run that failed or was cancelled, as a new run: steps that were done are not done again.
create function chronos.retry(run text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    ended chronos.runs := chronos.find_ended_run('retry', run);
    events chronos.events[];
begin
    if ended.status not in ('failed', 'cancelled') then
        perform chronos.refuse(format('retry: run %s is %s; only a failed or cancelled run can be retried', run,
                                      ended.status),
                               'chronos.replay runs it again from the start');
    end if;
    perform chronos.find_function('retry', ended.function_id);
    perform chronos.check_retry(run);
    events := array(select e from chronos.events_of_run(ended) e);
    if cardinality(events) = 0 then
        perform chronos.refuse(format('retry: the event of run %s is not kept any more', run));
    end if;
    if cardinality(events) > 1 and chronos.joins_events(ended.function_id) then
        perform chronos.refuse(format('retry: run %s was started by %s events together', run, cardinality(events)),
                               'chronos.replay sends them again');
    end if;
    return chronos.send_again(
        (select e from unnest(events) e order by e.id = ended.event_id desc, e.ts desc, e.id desc limit 1),
        ended.function_id, run, null);
end
$fn$;

-- Runs it again from the start, as a new run. Of a run that several events started each is sent again.
create function chronos.replay(run text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    ended chronos.runs := chronos.find_ended_run('replay', run);
    event chronos.events;
    row_id bigint;
begin
    perform chronos.find_function('replay', ended.function_id);
    for event in select e.* from chronos.events_of_run(ended) e loop
        row_id := chronos.send_again(event, ended.function_id, null, run);
    end loop;
    if row_id is null then
        perform chronos.refuse(format('replay: the event of run %s is not kept any more', run));
    end if;
    return row_id;
end
$fn$;

-- ---- commands ----

-- Ends a run before its time. Returns the command's id; chronos.commands.result tells what came of it.
create function chronos.cancel(run text, reason text default null) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
    ended text;
begin
    perform chronos.check_run_id('cancel', run);
    if octet_length(cancel.reason) not between 1 and 1000 then
        perform chronos.refuse('cancel: reason must have 1 to 1000 bytes, or be null');
    end if;
    select r.status into ended from chronos.runs r where r.id = run;
    if found then
        perform chronos.refuse(format('cancel: run %s has ended (%s)', run, ended));
    end if;
    insert into chronos.commands as c (kind, run_id, reason)
    values ('cancel', run, coalesce(cancel.reason, 'cancelled by an operator'))
    returning c.id into row_id;
    return row_id;
end
$fn$;

-- Ends all live runs that fit every argument that is given: of a function, of an owner, accepted from `since` to before
-- `until`, with a condition on their event (an expression, as functions have them). Returns the command's id.
create function chronos.cancel_where(fn text, owner text default null, since timestamptz default null,
                                     until timestamptz default null, condition text default null) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    if fn = '' then
        perform chronos.refuse('cancel_where: fn must be the id of a function, or null for any');
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

-- ---- controls ----

create function chronos.set_control(kind text, name text, value text, part integer default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    insert into chronos.controls as c (kind, name, value, part)
    values (set_control.kind, set_control.name, set_control.value, set_control.part)
    on conflict on constraint controls_pkey do update
    set value = excluded.value,
        part = excluded.part,
        updated_at = excluded.updated_at,
        updated_by = excluded.updated_by;
end
$fn$;

-- No run of the function gets a slot any more, those that have begun included: each stops after the step it is at.
create function chronos.pause(fn text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    perform chronos.find_function('pause', fn);
    perform chronos.set_control('pause', fn, 'pause');
end
$fn$;

-- Runs that have begun go on to their end, no other begins.
create function chronos.drain(fn text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    perform chronos.find_function('drain', fn);
    perform chronos.set_control('pause', fn, 'drain');
end
$fn$;

-- Takes back pause and drain.
create function chronos.resume(fn text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if not exists (select from chronos.controls c where c.kind = 'pause' and c.name = fn) then
        perform chronos.find_function('resume', fn);
    end if;
    perform chronos.set_control('pause', fn, null);
end
$fn$;

-- A limit as its functions declare it: found by its name (a shared limit's, or fn/<function>, or the function's id alone).
-- Gives the name with the key put in, and the part of the key it is counted by.
create function chronos.find_limit(caller text, name text, owner text, out full_name text, out part integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $fn$
declare
    declared text;
begin
    if coalesce(find_limit.name, '') = '' then
        perform chronos.refuse(caller || ': name must be the name of a limit');
    end if;
    select l ->> 'name' into declared
    from chronos.functions f
    cross join lateral jsonb_array_elements(f.manifest -> 'limits') l
    where find_limit.name = l ->> 'name'
        or regexp_replace(l ->> 'name', ':\$\d*$', '') in (find_limit.name, 'fn/' || find_limit.name)
    order by find_limit.name = l ->> 'name' desc, l ->> 'name'
    limit 1;
    if declared is null then
        perform chronos.refuse(
            format('%s: name: no function has a limit %s', caller, left(find_limit.name, 128)),
            (select 'there are ' || string_agg(distinct regexp_replace(l ->> 'name', ':\$\d*$', ''), ', ')
             from chronos.functions f
             cross join lateral jsonb_array_elements(f.manifest -> 'limits') l));
    end if;
    full_name := regexp_replace(declared, ':\$\d*$', '');
    if declared = full_name then
        if owner is not null then
            perform chronos.refuse(format('%s: owner must be null: %s is counted over all together', caller,
                                          full_name));
        end if;
        return;
    end if;
    part := coalesce(nullif(substring(declared from ':\$(\d*)$'), ''), '1')::integer;
    if owner is null then
        perform chronos.refuse(format('%s: owner must say whose: %s is counted for each', caller, full_name));
    end if;
    full_name := full_name || ':' || chronos.check_owner(caller, owner);
end
$fn$;

-- Another maximum for a limit, or for one owner's (where a limit is counted by something else: for one value of that). 0
-- admits nobody.
create function chronos.set_limit(name text, owner text, max integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    l record;
begin
    if max is null or max not between 0 and 1000000 then
        perform chronos.refuse('set_limit: max must be from 0 to 1000000');
    end if;
    l := chronos.find_limit('set_limit', set_limit.name, set_limit.owner);
    perform chronos.set_control('limit', l.full_name, max::text, l.part);
end
$fn$;

-- Back to the maximum that the functions declare.
create function chronos.clear_limit(name text, owner text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    l record;
begin
    l := chronos.find_limit('clear_limit', clear_limit.name, clear_limit.owner);
    perform chronos.set_control('limit', l.full_name, null, l.part);
end
$fn$;

-- What an owner's runs may cost in an hour, in US dollars; null is the setting again.
create function chronos.set_budget(owner text, usd numeric) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if not usd between 0 and 1000000 then
        perform chronos.refuse('set_budget: usd must be from 0 to 1000000, or null');
    end if;
    perform chronos.set_control('limit', 'budget:' || chronos.check_owner('set_budget', set_budget.owner),
                                round(usd * 1000000)::bigint::text, 1);
end
$fn$;

-- How many turns an owner gets compared with others who wait, 1 for everybody else; null is 1 again.
create function chronos.set_weight(owner text, weight numeric) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    if not weight between 0.01 and 1000 then
        perform chronos.refuse('set_weight: weight must be from 0.01 to 1000, or null');
    end if;
    perform chronos.set_control('weight', chronos.check_owner('set_weight', set_weight.owner),
                                round(weight, 6)::text);
end
$fn$;
