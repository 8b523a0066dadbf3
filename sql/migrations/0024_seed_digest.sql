-- A seed stands for the events that it came with.
-- breaking: no
--
-- Why: a request with a seed that was there before got the ids of the first one, also when it brought other events: those
-- were lost, and their sender was told that they were kept. It gets no rows now, of which the release before, too, makes a refusal.
--
-- Locks: chronos.event_seeds, for a moment.

alter table chronos.event_seeds add column digest bytea; -- SHA-256 of the events; null: kept before there was this column

create or replace function chronos.send_all(seed text, events json)
returns table (row_id bigint, created_ms bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    event record;
    ids bigint[] := '{}';
    times bigint[] := '{}';
    sent bytea;
begin
    if seed is not null then
        sent := sha256(convert_to(events::text, 'UTF8'));
        delete from chronos.event_seeds s
        where s.seed in (select old.seed
                         from chronos.event_seeds old
                         where old.at < now() - interval '1 day'
                         order by old.at
                         limit 100
                         for update skip locked);
        -- waits for another transaction that is just doing the same
        insert into chronos.event_seeds as s (seed, digest) values (send_all.seed, sent) on conflict do nothing;
        if not found then
            return query
                select unnest(s.row_ids), unnest(s.created_ms)
                from chronos.event_seeds s
                where s.seed = send_all.seed
                    and (s.digest is null or s.digest = sent);
            return;
        end if;
    end if;
    for event in
        select x.value ->> 'name' as name, (x.value ->> 'data')::jsonb as data, x.value ->> 'id' as id,
               chronos.from_ms((x.value ->> 'ts')::bigint) as ts, (x.value ->> 'user')::jsonb as "user", x.value ->> 'v' as v
        from json_array_elements(events) with ordinality x (value, n)
        order by x.n
    loop
        row_id := chronos.send(event.name, event.data, event.id, event.ts, event."user", event.v);
        select chronos.to_ms(o.created_at) into strict send_all.created_ms from chronos.outbox o where o.id = row_id;
        ids := ids || row_id;
        times := times || send_all.created_ms;
        return next;
    end loop;
    update chronos.event_seeds s
    set row_ids = ids,
        created_ms = times
    where s.seed = send_all.seed;
end
$$;
