-- All data of one creator can be deleted, in one order.
-- breaking: no
--
-- Why: a creator who leaves may ask for it, and what is known of him is spread over the application's tables, the history, and
-- Redis. The order is a row, which schedulers work off (scheduler/forget.c) until nothing is left: it outlives restarts and the
-- loss of either store, and tells what was deleted. For the accounts the sums of each month stay, without the creator's id;
-- when the order is done its own copy of the id goes, too.
--
-- Locks: nothing that exists.

create table chronos.forgotten (
    id bigint generated always as identity primary key,
    creator text,                              -- null when it is done
    asked_at timestamptz not null default clock_timestamp(),
    asked_by text not null default session_user,
    done_at timestamptz,
    deleted jsonb not null default '{}',       -- rows by table, keys of Redis
    accounts jsonb not null default '[]',      -- the creator's months: {month, cost_usd, credits, minutes, …}
    check ((creator is null) = (done_at is not null))
);

-- one order for a creator at a time
create unique index forgotten_open on chronos.forgotten (creator)
    where creator is not null;

-- Deletes all data of a creator: live runs are cancelled first. Returns the order's id; chronos.forgotten tells what came of it.
-- Asked again before that is done, it returns the same id.
create function chronos.forget(creator text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    row_id bigint;
begin
    creator := chronos.check_owner('forget', creator);
    insert into chronos.forgotten as f (creator) values (forget.creator)
    on conflict do nothing
    returning f.id into row_id;
    if row_id is null then
        select f.id into row_id from chronos.forgotten f where f.creator = forget.creator;
    end if;
    return row_id;
end
$fn$;

-- What usage_metrics have of the creator, by month.
create function chronos.accounts_of(creator uuid) returns jsonb
language sql stable
as $fn$
    select coalesce(jsonb_agg(to_jsonb(m) order by m.month), '[]')
    from (
        select to_char(u.date, 'YYYY-MM') as month, sum(u.videos_uploaded) as videos_uploaded,
               sum(u.total_video_duration_seconds) as total_video_duration_seconds,
               sum(u.ai_credits_used) as ai_credits_used, sum(u.transcription_minutes) as transcription_minutes,
               sum(u.chat_messages_sent) as chat_messages_sent, max(u.storage_used_bytes) as storage_used_bytes
        from public.usage_metrics u
        where u.creator_id = creator
        group by 1
    ) m
$fn$;

-- Deletes the creator's row with all that hangs on it; files are written down for remove-deleted-files. Rows by table.
create function chronos.erase_application_data(creator uuid, operation uuid) returns jsonb
language plpgsql
as $fn$
declare
    counts jsonb := '{}';
    tbl text;
    n bigint;
begin
    for tbl in select unnest(array['students', 'videos', 'courses', 'usage_metrics', 'video_analytics_events',
                                   'analytics_cache', 'bulk_operations']) loop
        execute format('select count(*) from public.%I where creator_id = $1', tbl) into n using creator;
        counts := counts || jsonb_build_object(tbl, n);
    end loop;
    select count(*) into n from public.video_chunks c join public.videos v on v.id = c.video_id where v.creator_id = creator;
    counts := counts || jsonb_build_object('video_chunks', n);
    perform chronos.delete_videos(operation, creator, array(select v.id from public.videos v where v.creator_id = creator));
    delete from public.creators c where c.id = creator;
    get diagnostics n = row_count;
    return counts || jsonb_build_object('creators', n);
end
$fn$;

-- Deletes the creator's history. Where a row is about several creators (analytics of all of them) the id is blotted out.
create function chronos.erase_history(creator text) returns jsonb
language plpgsql
as $fn$
declare
    blot constant text := 'forgotten';
    held text := '%' || replace(replace(replace(creator, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    counts jsonb := '{}';
    n bigint;
begin
    delete from chronos.run_steps s
    using chronos.runs r
    where r.creator_id = creator and s.run_id = r.id and s.accepted_at = r.accepted_at;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('run_steps', n);
    delete from chronos.step_ledger s
    using chronos.runs r
    where r.creator_id = creator and s.run_id = r.id and s.accepted_at = r.accepted_at;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('step_ledger', n);
    delete from chronos.runs where creator_id = creator;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('runs', n);
    delete from chronos.events where creator_id = creator;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('events', n);
    delete from chronos.rejected_events where excerpt like held or name like held or reason like held;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('rejected_events', n);
    delete from chronos.outbox where data::text like held or idempotency_key like held or "user"::text like held;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('outbox', n);
    delete from chronos.controls where name = creator or right(name, length(creator) + 1) = ':' || creator;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('controls', n);
    delete from chronos.commands where applied_at is not null and (owner = creator or condition like held or reason like held);
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('commands', n);

    update chronos.events
    set data = replace(data::text, creator, blot)::json,
        "user" = replace("user"::text, creator, blot)::json,
        idempotency_key = replace(idempotency_key, creator, blot)
    where data::text like held or "user"::text like held or idempotency_key like held;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('events_blotted', n);
    update chronos.runs
    set output = replace(output::text, creator, blot)::json,
        error_message = replace(error_message, creator, blot)
    where output::text like held or error_message like held;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('runs_blotted', n);
    update chronos.run_steps
    set step = replace(step, creator, blot),
        result = replace(result::text, creator, blot)::json,
        error_message = replace(error_message, creator, blot)
    where step like held or result::text like held or error_message like held;
    get diagnostics n = row_count;
    counts := counts || jsonb_build_object('run_steps_blotted', n);
    update chronos.step_ledger
    set step = replace(step, creator, blot),
        result = replace(result::text, creator, blot)::json
    where step like held or result::text like held;
    get diagnostics n = row_count;
    return counts || jsonb_build_object('step_ledger_blotted', n);
end
$fn$;

-- Adds numbers by name.
create function chronos.add_counts(a jsonb, b jsonb) returns jsonb
language sql immutable
as $fn$
    select coalesce(jsonb_object_agg(key, n), '{}')
    from (
        select key, sum(value::numeric) as n
        from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) each
        group by key
        having sum(value::numeric) <> 0
    ) sums
$fn$;

-- All of it in Postgres, in one transaction. Returns how many rows that were; 0 when nothing was left.
create function chronos.erase_creator(order_id bigint) returns bigint
language plpgsql
as $fn$
declare
    who text;
    counts jsonb;
    months jsonb := '[]';
begin
    select f.creator into who from chronos.forgotten f where f.id = order_id and f.done_at is null for update;
    if not found then
        return 0;
    end if;
    counts := chronos.erase_history(who);
    if who ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        months := chronos.accounts_of(who::uuid);
        counts := counts || chronos.erase_application_data(who::uuid, gen_random_uuid());
    end if;
    update chronos.forgotten f
    set deleted = chronos.add_counts(f.deleted, counts),
        accounts = f.accounts || months
    where f.id = order_id;
    return (select coalesce(sum(value::bigint), 0) from jsonb_each_text(counts));
end
$fn$;
