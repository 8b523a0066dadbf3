-- Forgetting a creator reaches the audit, and which runs are live is said in one place.
-- breaking: no
--
-- Why: chronos.audit (0018) came after chronos.forget (0017), which did not know of it: who had set a weight or a limit, or had
-- started a bulk operation, left the creator's id in target or details. The row is about the operator and stays; the id is
-- blotted out. And the rule by which a run is live stood in three statements, which had to agree.
--
-- Locks: nothing.

-- Runs that were accepted and have not ended, by the events that began them: one that several events began has a row for each.
-- Such a run, told by an id of another time than the event's, has ended as a whole whatever it was accepted with; of any other
-- the archive's row has the same time, which leads to one partition.
create view chronos.live_runs as
    select r.run_id, r.function_id, e.id as event_id, e.accepted_at
    from chronos.events e
    cross join lateral unnest(e.run_ids, e.function_ids) as r (run_id, function_id)
    where e.outcome = 'accepted'
        and not exists (
            select from chronos.runs done
            where done.id = r.run_id
                and done.accepted_at = e.accepted_at
        )
        and (left(r.run_id, 10) = left(e.id, 10)
            or not exists (
                select from chronos.runs done
                where done.id = r.run_id
            ));

-- Is a run live that an event of the day began?
create or replace function chronos.is_day_live(day date) returns boolean
language sql stable
set timezone = 'UTC'
as $fn$
    select exists (
        select from chronos.live_runs l
        where l.accepted_at >= day::timestamptz
            and l.accepted_at < (day + 1)::timestamptz
    )
$fn$;

-- Blots the creator's id out of what operators did. Rows by what was done to them, as erase_history.
create function chronos.blot_audit(creator text) returns jsonb
language plpgsql
as $fn$
declare
    blot constant text := 'forgotten';
    held text := '%' || replace(replace(replace(creator, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    n bigint;
begin
    update chronos.audit
    set target = replace(target, creator, blot),
        details = replace(details::text, creator, blot)::jsonb
    where target like held or details::text like held;
    get diagnostics n = row_count;
    return jsonb_build_object('audit_blotted', n);
end
$fn$;

-- All of it in Postgres, in one transaction. Returns how many rows that were; 0 when nothing was left.
create or replace function chronos.erase_creator(order_id bigint) returns bigint
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
    counts := chronos.erase_history(who) || chronos.blot_audit(who);
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
