-- A run that is retried finds all that the run before it did, and that one does nothing any more.
-- breaking: no
--
-- Why: a worker that was frozen in the middle of a transactional step was taken for dead, its run was cancelled and retried, and when it woke up it
-- committed: the step's effects were there twice, under both runs. The steps of a run share a lock now, and who lets another run go on
-- from it takes that lock whole: transactions that are still open are ended before the ledger is copied, and none begins after.
--
-- Locks: nothing.

create function chronos.ledger_lock(run text) returns bigint
language sql immutable parallel safe
as $fn$ select hashtextextended('chronos.ledger:' || run, 0) $fn$;

-- First statement of a transactional step. 'begun': go ahead. 'done': it took effect before. 'ended': the run has ended meanwhile,
-- and another may have gone on from it. Each statement in here sees what was committed until it began.
create function chronos.begin_ledger_entry(run text, accepted timestamptz, step_name text, worker_id text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
begin
    perform pg_advisory_xact_lock_shared(chronos.ledger_lock(run));
    insert into chronos.step_ledger (run_id, accepted_at, step, worker)
    values (run, accepted, step_name, worker_id)
    on conflict do nothing;
    if not found then
        return 'done';
    end if;
    if exists (select from chronos.runs r where r.accepted_at = accepted and r.id = run) then
        return 'ended';
    end if;
    return 'begun';
end
$fn$;

create function chronos.carry_ledger(from_run text, run text, accepted timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    key constant bigint := chronos.ledger_lock(from_run);
begin
    if not pg_try_advisory_xact_lock(key) then
        -- what that run's worker began it may not end: the run was taken from it
        perform pg_terminate_backend(l.pid)
        from pg_locks l
        where l.locktype = 'advisory'
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid = ((key >> 32) & 4294967295)::oid
            and l.objid = (key & 4294967295)::oid
            and l.objsubid = 1
            and l.granted
            and l.pid <> pg_backend_pid();
        perform pg_advisory_xact_lock(key);
    end if;
    insert into chronos.step_ledger (run_id, accepted_at, step, result, worker, committed_at)
    select run, accepted, l.step, l.result, l.worker, l.committed_at
    from chronos.step_ledger l
    where l.run_id = from_run
    on conflict do nothing;
end
$fn$;
