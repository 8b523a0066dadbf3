-- What the application's own migrations leave behind on its hosted database, shortened: roles of the hosting
-- service, extensions in a schema of their own, row security with policies, names of indexes and triggers that
-- differ from ours. analytics_cache and video_chunks are missing, as on a database that is behind.
do $$
begin
    if not exists (select from pg_roles where rolname = 'anon') then
        create role anon nologin;
        create role authenticated nologin;
        create role service_role nologin bypassrls;
    end if;
end
$$;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
create schema extensions;
create function extensions.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';

create function public.update_updated_at_column() returns trigger language plpgsql as $$
begin
    -- the application's own text
    new.updated_at = now();
    return new;
end;
$$;
create function public.get_creator_id() returns uuid language sql stable as
    $$ select (current_setting('request.jwt.claims', true)::json ->> 'creator_id')::uuid $$;

create table public.creators (
    id uuid primary key default gen_random_uuid(),
    whop_company_id text not null unique,
    whop_user_id text not null,
    email text not null,
    name text,
    subscription_tier text not null default 'basic',
    settings jsonb default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_login_at timestamptz,
    is_active boolean not null default true,
    constraint app_tier check (subscription_tier in ('basic', 'pro', 'enterprise'))
);
create table public.students (
    id uuid primary key default gen_random_uuid(),
    whop_user_id text not null unique,
    whop_membership_id text not null,
    creator_id uuid not null references public.creators (id) on delete cascade,
    email text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table public.videos (
    id uuid primary key default gen_random_uuid(),
    creator_id uuid not null references public.creators (id) on delete cascade,
    title text not null,
    description text,
    url text,
    storage_path text,
    thumbnail_url text,
    duration_seconds integer,
    transcript text,
    transcript_language text default 'en',
    status text not null default 'pending',
    error_message text,
    processing_started_at timestamptz,
    processing_completed_at timestamptz,
    file_size_bytes bigint,
    metadata jsonb default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    is_deleted boolean not null default false,
    source_type text default 'upload',
    youtube_video_id text,
    youtube_channel_id text,
    whop_lesson_id text,
    mux_asset_id text,
    mux_playback_id text,
    embed_type text,
    embed_id text,
    added_by_the_application text
);
create index app_videos_creator on public.videos (creator_id);
create trigger set_updated_at before update on public.videos
    for each row execute function public.update_updated_at_column();
alter table public.videos enable row level security;
create policy own_videos on public.videos for select using (creator_id = public.get_creator_id());
create table public.courses (
    id uuid primary key default gen_random_uuid(),
    creator_id uuid not null references public.creators (id) on delete cascade,
    title text not null
);
create table public.course_modules (
    id uuid primary key default gen_random_uuid(),
    course_id uuid not null references public.courses (id) on delete cascade,
    title text not null,
    video_ids uuid[] not null default '{}',
    display_order integer not null
);
create table public.video_analytics_events (
    id uuid primary key default gen_random_uuid(),
    event_type text not null,
    video_id uuid not null references public.videos (id) on delete cascade,
    creator_id uuid not null references public.creators (id) on delete cascade,
    student_id uuid references public.students (id) on delete cascade,
    metadata jsonb default '{}',
    "timestamp" timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create table public.bulk_operations (
    id uuid primary key default extensions.uuid_generate_v4(),
    creator_id uuid not null references public.creators (id) on delete cascade,
    operation_type text not null,
    video_ids uuid[] not null,
    status text not null default 'pending',
    progress_current integer default 0,
    progress_total integer not null,
    result jsonb,
    created_at timestamptz default now(),
    completed_at timestamptz,
    error_message text
);
insert into public.creators (id, whop_company_id, whop_user_id, email)
values ('00000000-0000-0000-0000-00000000000a', 'biz', 'user', 'a@example.com');
insert into public.videos (creator_id, title) values ('00000000-0000-0000-0000-00000000000a', 'kept');
