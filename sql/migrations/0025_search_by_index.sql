-- With pgvector a search finds what is nearest, not what lies in the first list of the index.
-- breaking: no
--
-- Why: an ivfflat index sorts chunks into lists around centres that it learns when it is made, and a search reads one list of the
-- hundred. Made with the empty table, as here, it has learnt nothing: of five chunks a search found one. And what a filter
-- leaves out is left out after that. So few candidates are compared one by one, which is exact and quick enough; among many the index
-- is asked, and when it knows fewer than are wanted they are compared one by one after all. An index of the kind hnsw has
-- nothing to learn: it takes the place of the other where the server has it and the table is small.
--
-- Locks: public.video_chunks while the index is made, where it has at most 10,000 chunks. With more the index stays as it is:
-- ops/deploy.md has the statements that make another while all goes on.

do $do$
declare
    vec text; -- the schema of the column's type when that is vector, else null
begin
    select quote_ident(n.nspname) into vec
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where a.attrelid = 'public.video_chunks'::regclass
        and a.attname = 'embedding'
        and t.typname = 'vector';
    if vec is null then
        -- All candidates are compared one by one already. What a vector refuses is refused: NaN is more than any threshold.
        create or replace function chronos.embedding_in(value text) returns real[]
        language plpgsql immutable strict parallel safe
        as $fn$
        declare
            v constant real[] := translate(value, '[]', '{}')::real[];
        begin
            if array_ndims(v) is distinct from 1 or array_position(v, null) is not null or 'NaN' = any (v)
                    or 'Infinity' = any (v) or '-Infinity' = any (v) then
                raise exception 'an embedding is a list of finite numbers' using errcode = 'data_exception';
            end if;
            return v;
        end
        $fn$;
        return;
    end if;

    if exists (select from pg_catalog.pg_am where amname = 'hnsw')
            and to_regclass('public.idx_video_chunks_embedding_hnsw') is null
            and (select count(*) from (select from public.video_chunks limit 10001) c) <= 10000 then
        execute format('create index idx_video_chunks_embedding_hnsw on public.video_chunks'
                       ' using hnsw (embedding %s.vector_cosine_ops)', vec);
        drop index if exists public.idx_video_chunks_embedding_cosine;
    end if;

    -- The application's own function stays as it is; the one that the first migration made reads all the lists.
    if exists (select from pg_catalog.pg_proc
               where proname = 'search_video_chunks' and pronamespace = 'public'::regnamespace
                   and position('operator(' || vec || '.<=>) query_embedding' in prosrc) > 0) then
        execute format('alter function public.search_video_chunks(%s.vector, integer, double precision, uuid[])'
                       ' set ivfflat.probes = 100', vec);
    end if;

    -- So many chunks are compared one by one: a tenth of a second or two, most of it reading them.
    create function chronos.exact_search_limit() returns integer
    language sql stable parallel safe
    as $fn$ select 10000 $fn$;

    -- How an index is asked: what these were before is returned. Settings of another version of pgvector are left alone.
    create function chronos.search_settings(wanted jsonb) returns jsonb
    language plpgsql
    as $fn$
    declare
        before jsonb := '{}';
        name text;
    begin
        for name in select jsonb_object_keys(wanted) loop
            if current_setting(name, true) is not null then
                before := before || jsonb_build_object(name, current_setting(name));
                perform set_config(name, wanted ->> name, true);
            end if;
        end loop;
        return before;
    end
    $fn$;

    execute format(
        $sql$
        create function chronos.search_chunks(wanted %1$s.vector, match_count integer, threshold double precision, videos uuid[])
        returns table (chunk_id uuid, video_id uuid, chunk_text text, start_time_seconds integer, end_time_seconds integer,
                       similarity double precision)
        language plpgsql
        as $fn$
        #variable_conflict use_column
        declare
            most constant integer := chronos.exact_search_limit();
            candidates bigint;
            before jsonb;
            nearest uuid[];
        begin
            select count(*) into candidates
            from (
                (select from public.video_chunks k where videos is null and k.embedding is not null limit most + 1)
                union all
                (select from (select distinct unnest(videos) as id) v
                 join public.video_chunks k on k.video_id = v.id and k.embedding is not null
                 limit most + 1)
            ) k;
            if candidates > most and match_count <= most then
                before := chronos.search_settings(jsonb_build_object(
                    'ivfflat.probes', 10, 'ivfflat.iterative_scan', 'relaxed_order',
                    'hnsw.ef_search', least(1000, greatest(100, 2 * match_count)), 'hnsw.iterative_scan', 'relaxed_order'));
                nearest := array(
                    select k.id
                    from public.video_chunks k
                    where k.embedding is not null
                        -- `is true` keeps the list a question about each row that the index gives
                        and (videos is null or (k.video_id in (select unnest(videos))) is true)
                    order by k.embedding operator(%1$s.<=>) wanted
                    limit match_count);
                perform chronos.search_settings(before);
            end if;
            return query
                with candidate as materialized ( -- one branch of them, whose distances are computed once
                    select k.id, 1 - (k.embedding operator(%1$s.<=>) wanted) as s
                    from public.video_chunks k
                    where cardinality(nearest) = match_count and k.id = any (nearest)
                    union all
                    select k.id, 1 - (k.embedding operator(%1$s.<=>) wanted)
                    from public.video_chunks k
                    where (cardinality(nearest) = match_count) is not true and videos is null and k.embedding is not null
                    union all
                    select k.id, 1 - (k.embedding operator(%1$s.<=>) wanted)
                    from (select distinct unnest(videos) as id) v
                    join public.video_chunks k on k.video_id = v.id and k.embedding is not null
                    where (cardinality(nearest) = match_count) is not true
                )
                select c.id, c.video_id, c.chunk_text, c.start_time_seconds, c.end_time_seconds, x.s
                from candidate x
                join public.video_chunks c on c.id = x.id
                where x.s > threshold and x.s <> 'NaN' -- a vector without length is near to nothing
                order by x.s desc, x.id
                limit match_count;
        end
        $fn$
        $sql$, vec);

    create or replace function chronos.search_video_chunks_text(
        query_embedding text,
        match_count int default 5,
        similarity_threshold double precision default 0.7,
        filter_video_ids uuid[] default null)
    returns table (chunk_id uuid, video_id uuid, chunk_text text,
                   start_time_seconds integer, end_time_seconds integer,
                   similarity double precision)
    language sql
    as $fn$
        select s.chunk_id, s.video_id, s.chunk_text, s.start_time_seconds, s.end_time_seconds, s.similarity
        from chronos.search_chunks(chronos.embedding_in(query_embedding), match_count, similarity_threshold, filter_video_ids) s
    $fn$;
end
$do$;
