-- Deleting many videos so that nothing of them stays behind.
-- breaking: no
--
-- Why: the file of a video is in another store than its row, and no transaction holds both. Were the file deleted first, a
-- crash would leave a video whose file is gone. So rows go first, and in the same transaction their files are written down
-- here; they are deleted afterwards, as often as it takes, which is harmless. What cannot be deleted at once stays here until
-- it can.
--
-- Locks: nothing that exists.

create table chronos.deleted_files (
    bucket text not null,
    path text not null,
    operation_id uuid not null,
    deleted_at timestamptz not null default now(),
    primary key (bucket, path)
);

-- take_deleted_files
create index deleted_files_operation on chronos.deleted_files (operation_id, deleted_at);

-- Deletes those of the videos that belong to the creator and are not deleted yet, with all that hangs on them, takes them out
-- of the courses, and writes their files down. One row for each id: `error` is null for what was deleted. A video that
-- another table still needs stays, and so do its places in courses; the others go.
--
-- Modules and videos are locked in the order of their ids, so that two deletions of overlapping lists take turns.
-- A thumbnail is only ours to delete when its address leads to the creator's own folder in our storage.
create function chronos.delete_videos(operation uuid, creator uuid, ids uuid[])
returns table (video_id uuid, error text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $fn$
declare
    wanted uuid;
    found_video record;
    thumbnail text;
    holder text;
begin
    perform from public.course_modules m
    where m.video_ids && ids
    order by m.id
    for no key update;
    for wanted in select distinct x from unnest(ids) as x order by x loop
        select v.storage_path, v.thumbnail_url into found_video
        from public.videos v
        where v.id = wanted
            and v.creator_id = creator
            and not v.is_deleted
        for update;
        video_id := wanted;
        error := null;
        if not found then
            error := 'not found or already deleted';
            return next;
            continue;
        end if;
        begin
            thumbnail := substring(found_video.thumbnail_url
                                   from '/(?:object|object/public|object/sign|storage)/thumbnails/([^?#]+)');
            insert into chronos.deleted_files (bucket, path, operation_id)
            select f.bucket, f.path, operation
            from (values ('videos', found_video.storage_path), ('thumbnails', thumbnail)) as f (bucket, path)
            where f.path <> ''
                and (f.bucket = 'videos' or starts_with(f.path, creator || '/'))
            on conflict (bucket, path) do update
            set operation_id = excluded.operation_id, deleted_at = now();
            update public.course_modules m
            set video_ids = array_remove(m.video_ids, wanted)
            where m.video_ids @> array[wanted];
            delete from public.videos v where v.id = wanted;
        exception
            when integrity_constraint_violation then
                get stacked diagnostics holder = table_name;
                error := format('is still used by %s', coalesce(nullif(holder, ''), 'another table'));
        end;
        return next;
    end loop;
end
$fn$;
