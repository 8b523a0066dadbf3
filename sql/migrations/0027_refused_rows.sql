-- Rows of the history that Postgres refuses are kept.
-- breaking: no
--
-- Why: a row that cannot be stored (a constraint of somebody's own on the table, a value that a column does not take) was left out
-- with a line in the log, so that the rows behind it get through; it was gone with that. It is kept here as it was sent, and tried
-- again every hour: when the cause is mended it comes to its table by itself.
--
-- Locks: nothing.

create table chronos.refused_rows (
    id bigint generated always as identity primary key,
    refused_at timestamptz not null default now(),
    query text not null, -- the COPY that it was sent with, as sql/queries names it
    line bytea not null, -- in COPY's text format, with its end
    reason text not null
);

-- a line that is sent again, as its batch did not get through as a whole, is here once
create unique index refused_rows_line on chronos.refused_rows (query, md5(line));

-- The id that a line begins with: of an event, or of a run.
create function chronos.id_of_line(line bytea) returns text
language sql immutable strict
as $fn$ select encode(substring(line for greatest(position('\x09'::bytea in line) - 1, 0)), 'escape') $fn$;

-- Deletes what names the creator or belongs to a run that is the creator's, and says how much that was. Before erase_history, which
-- deletes the runs. Of a run whose own row was refused nobody else knows whose its steps are.
create function chronos.erase_refused_rows(creator text) returns jsonb
language plpgsql
as $fn$
declare
    name constant bytea := convert_to(creator, 'UTF8');
    orphans text[];
    n bigint;
    steps bigint;
begin
    select coalesce(array_agg(chronos.id_of_line(w.line)), '{}') into orphans
    from chronos.refused_rows w
    where w.query = 'copy_runs' and position(name in w.line) > 0;
    delete from chronos.run_steps s where s.run_id = any (orphans);
    get diagnostics steps = row_count;
    delete from chronos.step_ledger l where l.run_id = any (orphans);
    delete from chronos.refused_rows w
    where position(name in w.line) > 0
        or position(creator in w.reason) > 0
        or chronos.id_of_line(w.line) = any (orphans)
        or exists (select from chronos.runs r where r.creator_id = creator and r.id = chronos.id_of_line(w.line));
    get diagnostics n = row_count;
    return jsonb_build_object('refused_rows', n, 'steps_of_refused_runs', steps);
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
    counts := chronos.erase_refused_rows(who);
    counts := counts || chronos.erase_history(who) || chronos.blot_audit(who);
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
