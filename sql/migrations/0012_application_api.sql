-- What the application's front end asks for over HTTP, see console/routes_application.c.
-- breaking: no
--
-- Why: an answer is one statement, so that it is consistent, and an event leaves in the transaction that changes the row
-- it is about: no operation stays pending because the event could not be sent.
--
-- Locks: nothing that exists.

-- An answer is (status, body), or a refusal: (status, code, field, message).
create type chronos.api_answer as (status integer, code text, field text, message text, body jsonb);

create function chronos.api_ok(body jsonb) returns chronos.api_answer
language sql immutable parallel safe
as $fn$ select (200, null, null, null, body)::chronos.api_answer $fn$;

create function chronos.api_refuse(status integer, code text, field text, message text) returns chronos.api_answer
language sql immutable parallel safe
as $fn$ select (status, code, field, message, null)::chronos.api_answer $fn$;

-- null for what is no UUID
create function chronos.to_uuid(value text) returns uuid
language sql immutable strict parallel safe
as $fn$
    select case when value ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then value::uuid end
$fn$;

-- Times as the application's API writes them.
create function chronos.api_time(at timestamptz) returns text
language sql immutable strict parallel safe
as $fn$ select to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $fn$;

-- ---- who works on a video ----

-- Whether the run named in its metadata has not ended, or an event of the pipeline about it has a run that has not, or is on
-- its way. Such an event came with the last change of the video or after it; an hour is for the clocks.
create function chronos.is_worked_on(video public.videos) returns boolean
language sql stable
as $fn$
    select (not exists (select from chronos.runs r where r.id = video.metadata ->> 'processing_run')
            and video.metadata ->> 'processing_run' ~ '^[0-9A-HJKMNP-TV-Z]{26}$'
            and chronos.is_accepted_run(video.metadata ->> 'processing_run')) is true
        or exists (
            select from chronos.events e
            cross join lateral unnest(e.run_ids) as live (id)
            where e.name in ('video/transcript.extract', 'video/transcribe.requested',
                             'video/transcription.completed')
                and e.accepted_at >= video.updated_at - interval '1 hour'
                and e.outcome = 'accepted'
                and lower(coalesce(e.data ->> 'videoId', e.data ->> 'video_id')) = video.id::text
                and not exists (select from chronos.runs ended where ended.id = live.id))
        or exists (
            select from chronos.outbox o
            where o.created_at >= video.updated_at - interval '1 hour'
                and lower(coalesce(o.data ->> 'videoId', o.data ->> 'video_id')) = video.id::text)
$fn$;

-- Videos whose status says that somebody works on them while nobody does. `pending` waits for its first event: old ones are
-- left alone, as is a creator who wants no automatic transcripts. An upload may take a day.
create view chronos.stuck_videos as
select v.id
from public.videos v
where v.status in ('pending', 'uploading', 'transcribing', 'processing', 'embedding')
    and not v.is_deleted
    and v.updated_at < now() - case v.status
        when 'uploading' then interval '24 hours'
        when 'pending' then interval '30 minutes'
        else interval '10 minutes' end
    and (v.status <> 'pending'
        or (v.created_at > now() - interval '7 days'
            and not exists (
                select from public.creators c
                where c.id = v.creator_id and c.settings ->> 'auto_transcribe' = 'false')))
    and not chronos.is_worked_on(v);

create function chronos.has_transcript(video public.videos) returns boolean
language sql immutable
as $fn$ select btrim(coalesce(video.transcript, ''), E' \t\n\r') <> '' $fn$;

-- The event that brings a video on from where it is. Nothing is bought twice: a transcript that is there is kept.
create function chronos.send_retry(video public.videos) returns text
language plpgsql
as $fn$
declare
    event text := case when chronos.has_transcript(video) then 'video/transcription.completed'
                      else 'video/transcript.extract' end;
begin
    perform chronos.send(event, jsonb_build_object(
        'videoId', video.id, 'video_id', video.id, 'creatorId', video.creator_id, 'creator_id', video.creator_id));
    update public.videos v
    set error_message = null,
        status = case when chronos.has_transcript(video) then 'processing' else 'pending' end,
        metadata = coalesce(v.metadata, '{}') - 'processing_run' - 'recovery_attempts'
    where v.id = video.id;
    return event;
end
$fn$;

-- ---- bulk operations ----

-- Makes the row and sends its event, both or neither. $2: {"creator_id", "video_ids"}
create function chronos.api_start_bulk(kind text, request jsonb) returns chronos.api_answer
language plpgsql
as $fn$
declare
    creator uuid := chronos.to_uuid(request ->> 'creator_id');
    ids jsonb := request -> 'video_ids';
    most integer := case kind when 'export' then 100000 else 10000 end;
    bad bigint;
    operation uuid;
begin
    if request ->> 'creator_id' is null then
        return chronos.api_refuse(400, 'invalid_input', 'creator_id', 'creator_id is missing');
    elsif creator is null then
        return chronos.api_refuse(400, 'invalid_input', 'creator_id', 'creator_id is not a UUID');
    elsif coalesce(jsonb_typeof(ids), 'null') = 'null' then
        return chronos.api_refuse(400, 'invalid_input', 'video_ids', 'video_ids is missing: send an array of video ids');
    elsif jsonb_typeof(ids) <> 'array' or jsonb_array_length(ids) = 0 then
        return chronos.api_refuse(400, 'invalid_input', 'video_ids',
                                  'video_ids must be an array of at least one video id');
    elsif jsonb_array_length(ids) > most then
        return chronos.api_refuse(400, 'invalid_input', 'video_ids', format(
            'video_ids has %s ids: at most %s are allowed, send them in parts', jsonb_array_length(ids), most));
    end if;
    select min(x.n) - 1 into bad
    from jsonb_array_elements(ids) with ordinality as x (id, n)
    where jsonb_typeof(x.id) <> 'string' or chronos.to_uuid(x.id #>> '{}') is null;
    if bad is not null then
        return chronos.api_refuse(400, 'invalid_input', format('video_ids[%s]', bad),
                                  format('video_ids[%s] is not a UUID', bad));
    elsif not exists (select from public.creators c where c.id = creator) then
        return chronos.api_refuse(404, 'creator_not_found', 'creator_id', 'there is no creator with this id');
    end if;
    insert into public.bulk_operations (creator_id, operation_type, video_ids, status, progress_current, progress_total)
    values (creator, kind, array(select (x.id #>> '{}')::uuid from jsonb_array_elements(ids) with ordinality as x (id, n)
                                 order by x.n),
            'pending', 0, jsonb_array_length(ids))
    returning id into operation;
    -- the ids are in the row: an event of ten thousand would carry them through every store
    perform chronos.send('videos/bulk.' || kind, jsonb_build_object('operationId', operation, 'creatorId', creator));
    return chronos.api_ok(jsonb_build_object(
        'success', true,
        'message', format('%s of %s %s has been accepted', initcap(kind), jsonb_array_length(ids),
                          case jsonb_array_length(ids) when 1 then 'video' else 'videos' end),
        'data', jsonb_build_object('operation_id', operation, 'video_count', jsonb_array_length(ids),
                                   'status', 'pending')));
end
$fn$;

-- null when there is none. By its id: a function of the row's type would keep the application from dropping its table.
create function chronos.api_bulk(operation_id uuid) returns jsonb
language sql stable
as $fn$
    select jsonb_build_object(
        'id', operation.id, 'creator_id', operation.creator_id, 'operation_type', operation.operation_type,
        'status', operation.status,
        'progress', jsonb_build_object(
            'current', coalesce(operation.progress_current, 0), 'total', operation.progress_total,
            'percentage', case when operation.progress_total > 0
                then floor(100.0 * coalesce(operation.progress_current, 0) / operation.progress_total + 0.5) else 0 end),
        'result', operation.result, 'error_message', operation.error_message,
        'created_at', chronos.api_time(operation.created_at),
        'completed_at', chronos.api_time(operation.completed_at))
    from public.bulk_operations operation
    where operation.id = operation_id
$fn$;

create function chronos.api_bulk_status(operation text) returns chronos.api_answer
language sql stable
as $fn$
    select coalesce(
        (select chronos.api_ok(jsonb_build_object('success', true, 'data', found))
         from chronos.api_bulk(chronos.to_uuid(operation)) found where found is not null),
        chronos.api_refuse(404, 'not_found', 'id', 'there is no operation with this id'))
$fn$;

-- The newest first. A page ends before `before`, a time as this function writes it in `next`.
create function chronos.api_bulk_list(creator text, before text, most integer) returns chronos.api_answer
language sql stable
as $fn$
    with page as (
        select o.*
        from public.bulk_operations o
        where (creator is null or o.creator_id = chronos.to_uuid(creator))
            and (before is null or o.created_at < before::timestamptz)
        order by o.created_at desc, o.id
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(chronos.api_bulk(p.id) order by p.created_at desc, p.id) from page p), '[]'),
        'next', (select min(p.created_at) from page p having count(*) = most)))
$fn$;

-- ---- the dashboard ----

-- The cached range that a window means, null when none: it must end within a day of now.
create function chronos.analytics_range_of(starts timestamptz, ends timestamptz) returns text
language sql stable strict
as $fn$
    select case
        when abs(extract(epoch from now() - ends)) > 86400 then null
        when x.days between 6 and 8 then 'last_7_days'
        when x.days between 29 and 31 then 'last_30_days'
        when x.days between 89 and 91 then 'last_90_days'
        when x.days > 3 * 365 then 'all_time'
    end
    from (select ceil(extract(epoch from ends - starts) / 86400) as days) x
$fn$;

-- From the cache while that is at most six hours old, else computed; what was computed for a cached range is kept there.
create function chronos.api_dashboard(creator text, starts text, ends text) returns chronos.api_answer
language plpgsql
as $fn$
declare
    its uuid := chronos.to_uuid(creator);
    first_moment timestamptz;
    last_moment timestamptz;
    range text;
    found jsonb;
    at timestamptz;
begin
    if coalesce(creator, '') = '' or coalesce(starts, '') = '' or coalesce(ends, '') = '' then
        return chronos.api_refuse(400, 'invalid_input',
            case when coalesce(creator, '') = '' then 'creator_id' when coalesce(starts, '') = '' then 'start' else 'end' end,
            'creator_id, start and end are needed');
    end if;
    begin
        first_moment := starts::timestamptz;
        last_moment := ends::timestamptz;
    exception when data_exception then
        return chronos.api_refuse(400, 'invalid_input', 'start',
            'start and end must be times like 2026-01-31T00:00:00Z');
    end;
    if not (first_moment <= last_moment and isfinite(first_moment) and isfinite(last_moment)) then
        return chronos.api_refuse(400, 'invalid_input', 'end', 'end must not be before start');
    end if;
    if its is null or not exists (select from public.creators c where c.id = its) then
        return chronos.api_refuse(404, 'CREATOR_NOT_FOUND', 'creator_id', 'there is no creator with this id');
    end if;
    range := chronos.analytics_range_of(first_moment, last_moment);
    select c.data, c.computed_at into found, at
    from public.analytics_cache c
    where c.creator_id = its and c.date_range = range and c.computed_at >= now() - interval '6 hours';
    if found is not null then
        return chronos.api_ok(jsonb_build_object('success', true, 'data', found, 'cached', true,
                                                 'computed_at', chronos.api_time(at)));
    end if;
    select a.data into found
    from chronos.compute_analytics(array[its], array[coalesce(range, 'live')], array[first_moment], array[last_moment]) a;
    if range is not null and found is not null then
        insert into public.analytics_cache as c (creator_id, date_range, data, computed_at)
        values (its, range, found, now())
        on conflict (creator_id, date_range) do update
        set data = excluded.data, computed_at = excluded.computed_at
        where c.computed_at <= excluded.computed_at;
    end if;
    return chronos.api_ok(jsonb_build_object('success', true, 'data', found));
end
$fn$;

-- ---- videos ----

create function chronos.video_progress(status text) returns integer
language sql immutable strict parallel safe
as $fn$
    select case status when 'uploading' then 20 when 'transcribing' then 40 when 'processing' then 60
        when 'embedding' then 80 when 'completed' then 100 else 0 end
$fn$;

create function chronos.api_video_status(video text) returns chronos.api_answer
language sql stable
as $fn$
    select coalesce((
        select chronos.api_ok(jsonb_build_object(
            'videoId', v.id, 'title', v.title, 'status', v.status, 'progress', chronos.video_progress(v.status),
            'currentStage', jsonb_build_object(
                'name', v.status,
                'description', case v.status
                    when 'pending' then 'Waiting to be processed'
                    when 'uploading' then 'The file is being uploaded'
                    when 'transcribing' then 'What is said is being written down'
                    when 'processing' then 'The transcript is being cut into passages'
                    when 'embedding' then 'Passages are being made searchable'
                    when 'completed' then 'Ready'
                    else 'Processing has failed' end,
                'retryable', v.status <> 'completed' and v.status <> 'uploading'
                    and not chronos.is_worked_on(v)),
            'timestamps', jsonb_build_object(
                'created_at', chronos.api_time(v.created_at), 'updated_at', chronos.api_time(v.updated_at),
                'processing_started_at', chronos.api_time(v.processing_started_at),
                'processing_completed_at', chronos.api_time(v.processing_completed_at)),
            'error', case when v.error_message is not null then jsonb_build_object(
                'message', v.error_message, 'timestamp', chronos.api_time(v.updated_at)) end,
            'metadata', jsonb_build_object(
                'fileSize', v.file_size_bytes, 'durationSeconds', v.duration_seconds,
                'transcriptLanguage', v.transcript_language, 'chunkCount', k.chunks),
            'runId', v.metadata ->> 'processing_run',
            'isTerminal', v.status in ('completed', 'failed'),
            'nextSteps', case v.status when 'completed' then '[]'::jsonb when 'failed' then '["retry"]'
                else '["wait"]' end))
        from public.videos v
        cross join lateral (select count(*) as chunks from public.video_chunks c where c.video_id = v.id) k
        where v.id = chronos.to_uuid(video) and not v.is_deleted),
        chronos.api_refuse(404, 'not_found', 'id', 'there is no video with this id'))
$fn$;

-- The newest first; `state` may name several, with commas. A page ends before `before`, a time that `next` gave.
create function chronos.api_video_list(creator text, state text, looked_for text, before text, most integer)
returns chronos.api_answer
language sql stable
as $fn$
    with page as (
        select v.id, v.creator_id, v.title, v.status, v.source_type, v.duration_seconds, v.error_message,
               v.thumbnail_url, v.created_at, v.updated_at
        from public.videos v
        where not v.is_deleted
            and (creator is null or v.creator_id = chronos.to_uuid(creator))
            and (state is null or v.status = any (string_to_array(state, ',')))
            and (looked_for is null or strpos(lower(v.title), lower(looked_for)) > 0)
            and (before is null or v.created_at < before::timestamptz)
        order by v.created_at desc, v.id
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(to_jsonb(p) || jsonb_build_object(
            'created_at', chronos.api_time(p.created_at), 'updated_at', chronos.api_time(p.updated_at),
            'progress', chronos.video_progress(p.status)) order by p.created_at desc, p.id) from page p), '[]'),
        'next', (select min(p.created_at) from page p having count(*) = most)))
$fn$;

create function chronos.api_retry_video(video text) returns chronos.api_answer
language plpgsql
as $fn$
declare
    v public.videos;
    event text;
begin
    select x.* into v from public.videos x
    where x.id = chronos.to_uuid(video) and not x.is_deleted for no key update;
    if v.id is null then
        return chronos.api_refuse(404, 'not_found', 'id', 'there is no video with this id');
    elsif v.status in ('completed', 'uploading') then
        return chronos.api_refuse(400, 'not_retryable', 'status', format(
            'the video is %s: only one that waits, is being processed or has failed can be tried again', v.status));
    elsif chronos.is_worked_on(v) then
        return chronos.api_refuse(409, 'in_progress', 'status', 'the video is being worked on');
    end if;
    event := chronos.send_retry(v);
    return chronos.api_ok(jsonb_build_object(
        'success', true, 'message', 'the video is started again',
        'video', jsonb_build_object('id', v.id, 'title', v.title, 'status', v.status, 'eventSent', event),
        'timestamp', chronos.api_time(now())));
end
$fn$;

create function chronos.api_retry_stuck() returns chronos.api_answer
language plpgsql
as $fn$
declare
    v public.videos;
    event text;
    results jsonb := '[]';
begin
    for v in
        select x.* from chronos.stuck_videos s join public.videos x on x.id = s.id
        where x.status <> 'uploading'
        order by x.updated_at limit 1000 for no key update of x skip locked
    loop
        event := chronos.send_retry(v);
        results := results || jsonb_build_object('videoId', v.id, 'title', v.title, 'status', v.status,
                                                 'eventSent', event, 'success', true);
    end loop;
    return chronos.api_ok(jsonb_build_object(
        'success', true, 'message', format('%s videos are started again', jsonb_array_length(results)),
        'results', results, 'totalProcessed', jsonb_array_length(results),
        'successCount', jsonb_array_length(results), 'failureCount', 0, 'timestamp', chronos.api_time(now())));
end
$fn$;

create function chronos.api_stuck_videos() returns chronos.api_answer
language sql stable
as $fn$
    with page as (
        select v.*, k.chunks, chronos.has_transcript(v) as has_transcript
        from chronos.stuck_videos s
        join public.videos v on v.id = s.id
        cross join lateral (select count(*) as chunks from public.video_chunks c where c.video_id = v.id) k
        order by v.created_at
        limit 1000
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce(jsonb_agg(jsonb_build_object(
            'id', p.id, 'title', p.title, 'status', p.status, 'created_at', chronos.api_time(p.created_at),
            'updated_at', chronos.api_time(p.updated_at),
            'processing_started_at', chronos.api_time(p.processing_started_at),
            'processing_completed_at', chronos.api_time(p.processing_completed_at),
            'error_message', p.error_message, 'thumbnail_url', p.thumbnail_url, 'source_type', p.source_type,
            'duration_seconds', p.duration_seconds,
            'stuck_duration_minutes', floor(extract(epoch from now() - p.updated_at) / 60),
            'has_transcript', p.has_transcript, 'chunk_count', p.chunks,
            'transcript_preview', case when p.transcript is not null then left(p.transcript, 200)
                || case when length(p.transcript) > 200 then '...' else '' end end,
            'creator_id', p.creator_id) order by p.created_at), '[]'),
        'count', count(*), 'timestamp', chronos.api_time(now())))
    from page p
$fn$;

create function chronos.api_diagnostics(video text) returns chronos.api_answer
language sql stable
as $fn$
    select coalesce((
        select chronos.api_ok(jsonb_build_object(
            'success', true, 'videoId', v.id,
            'diagnostics', jsonb_build_object(
                'video', jsonb_build_object(
                    'id', v.id, 'creator_id', v.creator_id, 'title', v.title, 'status', v.status,
                    'source_type', v.source_type, 'error_message', v.error_message,
                    'created_at', chronos.api_time(v.created_at), 'updated_at', chronos.api_time(v.updated_at)),
                'hasTranscript', chronos.has_transcript(v), 'chunkCount', k.chunks, 'embeddingCount', k.vectors,
                'isStuck', x.is_stuck, 'isWorkedOn', chronos.is_worked_on(v), 'runId', v.metadata ->> 'processing_run',
                'stuckDurationMinutes', case when x.is_stuck then floor(extract(epoch from now() - v.updated_at) / 60) end,
                'recoveryAttempts', case when v.metadata ->> 'recovery_attempts' ~ '^\d{1,6}$'
                    then (v.metadata ->> 'recovery_attempts')::integer else 0 end,
                'lastRecoveryAttempt', v.metadata ->> 'last_recovery_attempt',
                'recommendedAction', case
                    when v.status = 'failed' then 'retry'
                    when not x.is_stuck then null
                    when chronos.has_transcript(v) then 'retry-embeddings'
                    else 'retry-transcript' end)))
        from public.videos v
        cross join lateral (
            select count(*) as chunks, count(*) filter (where c.embedding is not null) as vectors
            from public.video_chunks c where c.video_id = v.id) k
        cross join lateral (
            select exists (select from chronos.stuck_videos s where s.id = v.id) as is_stuck) x
        where v.id = chronos.to_uuid(video)),
        chronos.api_refuse(404, 'not_found', 'id', 'there is no video with this id'))
$fn$;

-- {"videoIds": […], "reason"?}, or {"creatorId"} for all of a creator's videos that have a transcript
create function chronos.api_reprocess(request jsonb) returns chronos.api_answer
language plpgsql
as $fn$
declare
    ids jsonb := request -> 'videoIds';
    bad bigint;
begin
    if request ? 'creatorId' and ids is null then
        if not exists (select from public.creators c where c.id = chronos.to_uuid(request ->> 'creatorId')) then
            return chronos.api_refuse(404, 'creator_not_found', 'creatorId', 'there is no creator with this id');
        end if;
        select coalesce(jsonb_agg(v.id order by v.created_at), '[]') into ids
        from public.videos v
        where v.creator_id = chronos.to_uuid(request ->> 'creatorId') and not v.is_deleted and chronos.has_transcript(v);
        if jsonb_array_length(ids) = 0 then
            return chronos.api_refuse(404, 'not_found', 'creatorId', 'this creator has no video with a transcript');
        end if;
    end if;
    if coalesce(jsonb_typeof(ids), '') <> 'array' or jsonb_array_length(ids) = 0 then
        return chronos.api_refuse(400, 'invalid_input', 'videoIds',
                                  'videoIds must be an array of at least one video id');
    elsif jsonb_array_length(ids) > 5000 then
        return chronos.api_refuse(400, 'invalid_input', 'videoIds', format(
            'videoIds has %s ids: at most 5000 are allowed, send them in parts', jsonb_array_length(ids)));
    elsif coalesce(jsonb_typeof(request -> 'reason'), 'string') <> 'string' then
        return chronos.api_refuse(400, 'invalid_input', 'reason', 'reason must be a text');
    end if;
    select min(x.n) - 1 into bad
    from jsonb_array_elements(ids) with ordinality as x (id, n)
    where chronos.to_uuid(x.id #>> '{}') is null;
    if bad is not null then
        return chronos.api_refuse(400, 'invalid_input', format('videoIds[%s]', bad),
                                  format('videoIds[%s] is not a UUID', bad));
    end if;
    perform chronos.send('video/embeddings.batch-reprocess', jsonb_strip_nulls(
        jsonb_build_object('videoIds', ids, 'reason', request -> 'reason')));
    return chronos.api_ok(jsonb_build_object('success', true, 'video_count', jsonb_array_length(ids),
                                             'message', 'the videos are made searchable anew'));
end
$fn$;
