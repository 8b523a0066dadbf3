-- The application's own tables, for a database that does not have them yet.
-- breaking: no
--
-- Why: the engine runs against an empty Postgres and against the application's existing database alike. Every
-- table is created only where it is absent, together with its indexes and triggers; a table that is already
-- there belongs to the application and nothing about it is touched, its indexes included.
--
-- Locks: nothing that exists. On an existing database with many analytics events an operator should add, at a
-- quiet hour, the two indexes that a fresh database gets here (the first lets a video be deleted without a scan
-- of all events, the second serves the analytics windows):
--   create index concurrently on public.video_analytics_events (video_id);
--   create index concurrently on public.video_analytics_events (creator_id, created_at);

create schema if not exists chronos;

-- Where PostgREST publishes the schema `public` (Supabase: the role anon exists), a new table must not be
-- readable by everybody: row security without a policy shuts out all but the owner and the service role.
create function chronos.close_table(tbl regclass) returns void
language plpgsql as $fn$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
        execute format('alter table %s enable row level security', tbl);
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        execute format('grant all on table %s to service_role', tbl);
    end if;
end
$fn$;

do $do$
begin
    if to_regprocedure('public.update_updated_at_column()') is null then
        create function public.update_updated_at_column() returns trigger
        language plpgsql as $fn$
        begin
            new.updated_at = now();
            return new;
        end
        $fn$;
    end if;
end
$do$;

create function chronos.add_updated_at_trigger(tbl regclass) returns void
language plpgsql as $fn$
declare
    bare name := (select relname from pg_catalog.pg_class where oid = tbl);
begin
    execute format('create trigger %I before update on %s'
                   ' for each row execute function public.update_updated_at_column()',
                   'update_' || bare || '_updated_at', tbl);
end
$fn$;

do $do$
begin
    if to_regclass('public.creators') is null then
        create table public.creators (
            id uuid primary key default gen_random_uuid(),
            whop_company_id text not null unique,
            whop_user_id text not null,
            email text not null,
            name text,
            subscription_tier text not null default 'basic'
                check (subscription_tier in ('basic', 'pro', 'enterprise')),
            settings jsonb default '{"notifications_enabled": true, "ai_model": "claude-3-5-haiku-20241022",
                                     "auto_transcribe": true, "default_chunk_size": 800}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            last_login_at timestamptz,
            is_active boolean not null default true
        );
        create index idx_creators_whop_user_id on public.creators (whop_user_id);
        perform chronos.add_updated_at_trigger('public.creators');
        perform chronos.close_table('public.creators');
    end if;

    if to_regclass('public.students') is null then
        create table public.students (
            id uuid primary key default gen_random_uuid(),
            whop_user_id text not null unique,
            whop_membership_id text not null,
            creator_id uuid not null references public.creators on delete cascade,
            email text not null,
            name text,
            preferences jsonb default '{"playback_speed": 1.0, "auto_advance": false,
                                        "show_timestamps": true, "theme": "dark"}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            last_active_at timestamptz,
            is_active boolean not null default true
        );
        create index idx_students_creator_id on public.students (creator_id);
        perform chronos.add_updated_at_trigger('public.students');
        perform chronos.close_table('public.students');
    end if;

    if to_regclass('public.videos') is null then
        create table public.videos (
            id uuid primary key default gen_random_uuid(),
            creator_id uuid not null references public.creators on delete cascade,
            title text not null,
            description text,
            url text,
            storage_path text,
            thumbnail_url text,
            duration_seconds integer,
            transcript text,
            transcript_language text default 'en',
            status text not null default 'pending'
                check (status in ('pending', 'uploading', 'transcribing', 'processing', 'embedding',
                                  'completed', 'failed')),
            error_message text,
            processing_started_at timestamptz,
            processing_completed_at timestamptz,
            file_size_bytes bigint,
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            is_deleted boolean not null default false,
            source_type text default 'upload'
                check (source_type in ('youtube', 'mux', 'loom', 'upload')),
            youtube_video_id text,
            youtube_channel_id text,
            whop_lesson_id text,
            mux_asset_id text,
            mux_playback_id text,
            embed_type text
                check (embed_type is null or embed_type in ('youtube', 'loom', 'vimeo', 'wistia')),
            embed_id text,
            constraint videos_source_validation check (
                (source_type = 'youtube' and youtube_video_id is not null)
                or (source_type = 'mux' and mux_playback_id is not null)
                or (source_type = 'loom' and embed_id is not null)
                or (source_type = 'upload' and storage_path is not null))
        );
        create index idx_videos_creator_id on public.videos (creator_id);
        create index idx_videos_status on public.videos (status);
        create index idx_videos_created_at on public.videos (created_at desc);
        create index idx_videos_source_type on public.videos (source_type);
        create index idx_videos_is_deleted on public.videos (is_deleted) where is_deleted = false;
        create index idx_videos_youtube_video_id on public.videos (youtube_video_id)
            where youtube_video_id is not null;
        create index idx_videos_whop_lesson_id on public.videos (whop_lesson_id)
            where whop_lesson_id is not null;
        create index idx_videos_mux_asset_id on public.videos (mux_asset_id)
            where mux_asset_id is not null;
        create index idx_videos_mux_playback_id on public.videos (mux_playback_id)
            where mux_playback_id is not null;
        create index idx_videos_embed_type on public.videos (embed_type) where embed_type is not null;
        create index idx_videos_embed_id on public.videos (embed_id) where embed_id is not null;
        create index idx_videos_storage_path on public.videos (storage_path)
            where storage_path is not null;
        create index idx_videos_status_created on public.videos (status, created_at)
            where status in ('pending', 'uploading', 'failed');
        perform chronos.add_updated_at_trigger('public.videos');
        perform chronos.close_table('public.videos');
    end if;

    if to_regclass('public.courses') is null then
        create table public.courses (
            id uuid primary key default gen_random_uuid(),
            creator_id uuid not null references public.creators on delete cascade,
            title text not null,
            description text,
            thumbnail_url text,
            is_published boolean not null default false,
            display_order integer,
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            published_at timestamptz,
            is_deleted boolean not null default false
        );
        create index idx_courses_creator_id on public.courses (creator_id);
        perform chronos.add_updated_at_trigger('public.courses');
        perform chronos.close_table('public.courses');
    end if;

    if to_regclass('public.course_modules') is null then
        create table public.course_modules (
            id uuid primary key default gen_random_uuid(),
            course_id uuid not null references public.courses on delete cascade,
            title text not null,
            description text,
            video_ids uuid[] not null default '{}',
            display_order integer not null,
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index idx_course_modules_course_id on public.course_modules (course_id);
        create index idx_course_modules_video_ids on public.course_modules using gin (video_ids);
        perform chronos.add_updated_at_trigger('public.course_modules');
        perform chronos.close_table('public.course_modules');
    end if;

    if to_regclass('public.module_lessons') is null then
        create table public.module_lessons (
            id uuid primary key default gen_random_uuid(),
            module_id uuid references public.course_modules on delete cascade,
            video_id uuid references public.videos on delete cascade,
            lesson_order integer not null check (lesson_order > 0),
            title text not null,
            description text,
            is_required boolean default true,
            estimated_duration_minutes integer
                check (estimated_duration_minutes is null or estimated_duration_minutes > 0),
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            unique (module_id, video_id)
        );
        create index idx_module_lessons_video_id on public.module_lessons (video_id);
        perform chronos.add_updated_at_trigger('public.module_lessons');
        perform chronos.close_table('public.module_lessons');
    end if;

    if to_regclass('public.usage_metrics') is null then
        create table public.usage_metrics (
            id uuid primary key default gen_random_uuid(),
            creator_id uuid not null references public.creators on delete cascade,
            date date not null,
            storage_used_bytes bigint not null default 0,
            videos_uploaded integer not null default 0,
            total_video_duration_seconds integer not null default 0,
            ai_credits_used integer not null default 0,
            transcription_minutes numeric(10, 2) not null default 0,
            chat_messages_sent integer not null default 0,
            active_students integer not null default 0,
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            constraint unique_creator_date unique (creator_id, date)
        );
        create index idx_usage_metrics_date on public.usage_metrics (date desc);
        perform chronos.add_updated_at_trigger('public.usage_metrics');
        perform chronos.close_table('public.usage_metrics');
    end if;

    if to_regclass('public.video_analytics_events') is null then
        create table public.video_analytics_events (
            id uuid primary key default gen_random_uuid(),
            event_type text not null
                check (event_type in ('video_imported', 'video_transcribed', 'video_embedded',
                                      'video_added_to_course', 'video_started', 'video_progress',
                                      'video_completed', 'video_rewatched')),
            video_id uuid not null references public.videos on delete cascade,
            creator_id uuid not null references public.creators on delete cascade,
            student_id uuid references public.students on delete cascade,
            course_id uuid references public.courses on delete set null,
            module_id uuid references public.course_modules on delete set null,
            metadata jsonb default '{}',
            "timestamp" timestamptz not null default now(),
            created_at timestamptz not null default now()
        );
        create index idx_video_analytics_events_video_id on public.video_analytics_events (video_id);
        create index idx_video_analytics_events_creator_created
            on public.video_analytics_events (creator_id, created_at);
        create index idx_video_analytics_event_type on public.video_analytics_events (event_type);
        create index idx_video_analytics_timestamp
            on public.video_analytics_events ("timestamp" desc);
        create index idx_video_analytics_student_id on public.video_analytics_events (student_id)
            where student_id is not null;
        create index idx_video_analytics_course_metrics
            on public.video_analytics_events (course_id, event_type, "timestamp" desc)
            where course_id is not null;
        create index idx_video_analytics_student_progress
            on public.video_analytics_events (student_id, video_id, event_type, "timestamp" desc)
            where student_id is not null;
        perform chronos.close_table('public.video_analytics_events');
    end if;

    if to_regclass('public.video_analytics') is null then
        create table public.video_analytics (
            id uuid primary key default gen_random_uuid(),
            video_id uuid not null references public.videos on delete cascade,
            date date not null,
            views integer not null default 0,
            unique_viewers integer not null default 0,
            total_watch_time_seconds integer not null default 0,
            average_watch_time_seconds numeric(10, 2),
            completion_rate numeric(5, 2),
            ai_interactions integer not null default 0,
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            unique (video_id, date)
        );
        create index idx_video_analytics_date on public.video_analytics (date desc);
        perform chronos.add_updated_at_trigger('public.video_analytics');
        perform chronos.close_table('public.video_analytics');
    end if;

    if to_regclass('public.video_watch_sessions') is null then
        create table public.video_watch_sessions (
            id uuid primary key default gen_random_uuid(),
            video_id uuid not null references public.videos on delete cascade,
            student_id uuid not null references public.students on delete cascade,
            session_start timestamptz not null default now(),
            session_end timestamptz check (session_end is null or session_end >= session_start),
            watch_time_seconds integer default 0 check (watch_time_seconds >= 0),
            percent_complete integer default 0 check (percent_complete between 0 and 100),
            completed boolean default false,
            device_type text check (device_type is null or device_type in ('desktop', 'mobile', 'tablet')),
            referrer_type text
                check (referrer_type is null or referrer_type in ('course_page', 'direct_link', 'search',
                                                                  'chat_reference')),
            metadata jsonb default '{}',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index idx_watch_sessions_video_id on public.video_watch_sessions (video_id);
        create index idx_watch_sessions_student_id on public.video_watch_sessions (student_id);
        create function chronos.complete_watch_session() returns trigger
        language plpgsql as $fn$
        begin
            if new.percent_complete >= 90 then
                new.completed := true;
            end if;
            return new;
        end
        $fn$;
        create trigger complete_watch_session before insert or update on public.video_watch_sessions
            for each row execute function chronos.complete_watch_session();
        perform chronos.add_updated_at_trigger('public.video_watch_sessions');
        perform chronos.close_table('public.video_watch_sessions');
    end if;

    if to_regclass('public.analytics_cache') is null then
        create table public.analytics_cache (
            creator_id uuid not null references public.creators on delete cascade,
            date_range text not null
                check (date_range in ('last_7_days', 'last_30_days', 'last_90_days', 'all_time')),
            data jsonb not null,
            computed_at timestamptz not null default now(),
            primary key (creator_id, date_range)
        );
        create index idx_analytics_cache_computed_at
            on public.analytics_cache (creator_id, computed_at desc);
        perform chronos.close_table('public.analytics_cache');
    end if;

    if to_regclass('public.bulk_operations') is null then
        create table public.bulk_operations (
            id uuid primary key default gen_random_uuid(),
            creator_id uuid not null references public.creators on delete cascade,
            operation_type text not null check (operation_type in ('delete', 'export', 'reprocess')),
            video_ids uuid[] not null,
            status text not null default 'pending'
                check (status in ('pending', 'in_progress', 'completed', 'partial', 'failed')),
            progress_current integer default 0,
            progress_total integer not null,
            result jsonb,
            created_at timestamptz default now(),
            completed_at timestamptz,
            error_message text
        );
        create index idx_bulk_operations_creator on public.bulk_operations (creator_id, created_at desc);
        create index idx_bulk_operations_status on public.bulk_operations (status, created_at desc);
        perform chronos.close_table('public.bulk_operations');
    end if;
end
$do$;

drop function chronos.add_updated_at_trigger(regclass);

-- ---- chunks and their vectors ----
-- With the extension pgvector a chunk's embedding is a vector(1536) under an ivfflat index; without it, a real[]
-- of the same length under a check that refuses what a vector refuses. Whichever table is found or made, the
-- queries of the engine are the same: vectors go in as text '[0.1,…]' through chronos.embedding_in, and the
-- search is called through chronos.search_video_chunks_text.
--
-- Without pgvector a search reads every candidate's vector: about 75 microseconds each (1.5 s for 20,000 chunks on
-- one core, less with parallel workers). Enough for development and small schools; install pgvector beyond that.

create function chronos.vector_length(v real[]) returns double precision
language sql immutable strict parallel safe cost 5000
as $fn$ select sqrt(sum(x * x)) from (select unnest(v)::double precision as x) t $fn$;

-- Both unnests stand in one select list, so that the elements stream past instead of being stored first as they
-- would be in a from clause.
create function chronos.dot_product(a real[], b double precision[]) returns double precision
language sql immutable strict parallel safe cost 10000
as $fn$ select sum(x * y) from (select unnest(a) as x, unnest(b) as y) t $fn$;

do $do$
declare
    vec text; -- the schema that holds the type vector; null when there is none
begin
    if exists (select from pg_catalog.pg_available_extensions where name = 'vector') then
        begin
            create extension if not exists vector;
        exception
            -- real[] serves where the role may not create extensions
            when insufficient_privilege or feature_not_supported or undefined_file then
                null;
        end;
    end if;
    select quote_ident(n.nspname) into vec
    from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'vector';

    if to_regclass('public.video_chunks') is null then
        execute format(
            $sql$
            create table public.video_chunks (
                id uuid primary key default gen_random_uuid(),
                video_id uuid not null references public.videos on delete cascade,
                chunk_index integer not null,
                chunk_text text not null,
                embedding %s,
                start_time_seconds integer not null,
                end_time_seconds integer not null,
                word_count integer not null,
                metadata jsonb default '{}',
                created_at timestamptz not null default now()
            )
            $sql$,
            coalesce(vec || '.vector(1536)', 'real[]'));
        create index idx_video_chunks_video_id on public.video_chunks (video_id);
        create index idx_video_chunks_video_id_index on public.video_chunks (video_id, chunk_index);
        perform chronos.close_table('public.video_chunks');
        if vec is not null then
            execute format('create index idx_video_chunks_embedding_cosine on public.video_chunks'
                           ' using ivfflat (embedding %s.vector_cosine_ops) with (lists = 100)', vec);
        else
            alter table public.video_chunks add constraint video_chunks_embedding_valid check (
                array_ndims(embedding) = 1
                and array_lower(embedding, 1) = 1
                and cardinality(embedding) = 1536
                and array_position(embedding, null) is null
                and array_position(embedding, 'NaN') is null
                and array_position(embedding, 'Infinity') is null
                and array_position(embedding, '-Infinity') is null);
            -- floats do not compress: trying costs time on every write and every read
            alter table public.video_chunks alter column embedding set storage external;
            alter table public.video_chunks add column embedding_norm double precision
                generated always as (chronos.vector_length(embedding)) stored;
            -- the heap is small, as texts and vectors lie outside it; the work per row is not
            alter table public.video_chunks set (parallel_workers = 2);
        end if;
    end if;
end
$do$;

drop function chronos.close_table(regclass);

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

    if vec is not null then
        execute format(
            $sql$
            create function chronos.embedding_in(value text) returns %1$s.vector
            language sql immutable strict parallel safe
            as $fn$ select value::%1$s.vector(1536) $fn$
            $sql$, vec);
        if not exists (select from pg_catalog.pg_proc
                       where proname = 'search_video_chunks' and pronamespace = 'public'::regnamespace) then
            execute format(
                $sql$
                create function public.search_video_chunks(
                    query_embedding %1$s.vector(1536),
                    match_count int default 5,
                    similarity_threshold double precision default 0.7,
                    filter_video_ids uuid[] default null)
                returns table (chunk_id uuid, video_id uuid, chunk_text text,
                               start_time_seconds integer, end_time_seconds integer,
                               similarity double precision)
                language sql stable parallel safe
                as $fn$
                    select c.id, c.video_id, c.chunk_text, c.start_time_seconds, c.end_time_seconds,
                           1 - (c.embedding operator(%1$s.<=>) query_embedding)
                    from public.video_chunks c
                    where c.embedding is not null
                        and (filter_video_ids is null or c.video_id = any (filter_video_ids))
                        and 1 - (c.embedding operator(%1$s.<=>) query_embedding) > similarity_threshold
                    order by c.embedding operator(%1$s.<=>) query_embedding
                    limit match_count
                $fn$
                $sql$, vec);
        end if;
    else
        create function chronos.embedding_in(value text) returns real[]
        language sql immutable strict parallel safe
        as $fn$ select translate(value, '[]', '{}')::real[] $fn$;

        if not exists (select from pg_catalog.pg_attribute
                       where attrelid = 'public.video_chunks'::regclass
                           and attname = 'embedding_norm' and not attisdropped) then
            raise exception 'public.video_chunks exists, and its embeddings are not of the type vector'
                using hint = 'install the extension pgvector, or move that table out of the way';
        end if;

        if not exists (select from pg_catalog.pg_proc
                       where proname = 'search_video_chunks' and pronamespace = 'public'::regnamespace) then
            create function public.search_video_chunks(
                query_embedding real[],
                match_count int default 5,
                similarity_threshold double precision default 0.7,
                filter_video_ids uuid[] default null)
            returns table (chunk_id uuid, video_id uuid, chunk_text text,
                           start_time_seconds integer, end_time_seconds integer,
                           similarity double precision)
            language plpgsql stable parallel safe
            as $fn$
            declare
                length double precision := chronos.vector_length(query_embedding);
                unit double precision[];
            begin
                if cardinality(query_embedding) <> 1536 then
                    raise exception 'expected 1536 dimensions, not %', cardinality(query_embedding)
                        using errcode = 'data_exception';
                end if;
                unit := array(select x / nullif(length, 0) from unnest(query_embedding) as x);
                return query
                    select c.id, c.video_id, c.chunk_text, c.start_time_seconds, c.end_time_seconds, best.s
                    from (
                        select k.id,
                               chronos.dot_product(k.embedding, unit) / nullif(k.embedding_norm, 0) as s
                        from public.video_chunks k
                        where k.embedding is not null
                            and (filter_video_ids is null or k.video_id = any (filter_video_ids))
                        offset 0 -- the product is computed once per row
                    ) best
                    join public.video_chunks c on c.id = best.id
                    where best.s > similarity_threshold
                    order by best.s desc, best.id
                    limit match_count;
            end
            $fn$;
        end if;
    end if;
end
$do$;

-- The one way the engine searches, whatever the column's type.
create function chronos.search_video_chunks_text(
    query_embedding text,
    match_count int default 5,
    similarity_threshold double precision default 0.7,
    filter_video_ids uuid[] default null)
returns table (chunk_id uuid, video_id uuid, chunk_text text,
               start_time_seconds integer, end_time_seconds integer,
               similarity double precision)
language sql stable parallel safe
as $fn$
    select s.chunk_id, s.video_id, s.chunk_text, s.start_time_seconds, s.end_time_seconds, s.similarity
    from public.search_video_chunks(chronos.embedding_in(query_embedding), match_count,
                                    similarity_threshold, filter_video_ids) s
$fn$;
