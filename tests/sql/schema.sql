CREATE SCHEMA chronos;
CREATE TYPE chronos.api_answer AS (
	status integer,
	code text,
	field text,
	message text,
	body jsonb
);
CREATE FUNCTION chronos.accounts_of(creator uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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
$$;
CREATE FUNCTION chronos.add_counts(a jsonb, b jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    select coalesce(jsonb_object_agg(key, n), '{}')
    from (
        select key, sum(value::numeric) as n
        from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) each
        group by key
        having sum(value::numeric) <> 0
    ) sums
$$;
CREATE FUNCTION chronos.again_all(action text, runs text[], OUT run_id text, OUT row_id bigint, OUT error text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if action is null or action not in ('retry', 'replay') then
        perform chronos.refuse('again_all: action must be retry or replay');
    end if;
    foreach run_id in array runs loop
        begin
            row_id := case action when 'retry' then chronos.retry(run_id) else chronos.replay(run_id) end;
            error := null;
        exception when invalid_parameter_value then
            row_id := null;
            error := sqlerrm;
        end;
        return next;
    end loop;
end
$$;
CREATE FUNCTION chronos.analytics_range_of(starts timestamp with time zone, ends timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT
    AS $$
    select case
        when abs(extract(epoch from now() - ends)) > 86400 then null
        when x.days between 6 and 8 then 'last_7_days'
        when x.days between 29 and 31 then 'last_30_days'
        when x.days between 89 and 91 then 'last_90_days'
        when x.days > 3 * 365 then 'all_time'
    end
    from (select ceil(extract(epoch from ends - starts) / 86400) as days) x
$$;
CREATE FUNCTION chronos.analytics_ranges(at timestamp with time zone) RETURNS TABLE(date_range text, starts timestamp with time zone, ends timestamp with time zone)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select r.date_range, r.starts, date_trunc('milliseconds', at)
    from (values
        ('last_7_days', date_trunc('milliseconds', at) - interval '168 hours'),
        ('last_30_days', date_trunc('milliseconds', at) - interval '720 hours'),
        ('last_90_days', date_trunc('milliseconds', at) - interval '2160 hours'),
        -- the same month, day and time in 2020, which has a 29th of February
        ('all_time', (date_trunc('milliseconds', at) at time zone 'UTC'
                      - make_interval(years => extract(year from at at time zone 'UTC')::integer - 2020)) at time zone 'UTC')
    ) as r (date_range, starts)
$$;
CREATE FUNCTION chronos.analytics_trend(now double precision, before double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select case when before = 0 then case when now > 0 then 100 else 0 end
               else floor((now - before) / before * 100 + 0.5) end::double precision
$$;
CREATE FUNCTION chronos.api_bulk(operation_id uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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
$$;
CREATE FUNCTION chronos.api_bulk_list(creator text, before text, most integer) RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $$
    with page as (
        select o.*
        from public.bulk_operations o
        where (creator is null or o.creator_id = chronos.to_uuid(creator))
            and (before is null or (o.created_at, o.id) < (select x.at, x.id from chronos.api_place(before) x))
        order by o.created_at desc, o.id desc
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(chronos.api_bulk(p.id) order by p.created_at desc, p.id desc) from page p), '[]'),
        'next', (select chronos.api_cursor(p.created_at, p.id) from page p
                 where (select count(*) from page) = most order by p.created_at, p.id limit 1)))
$$;
CREATE FUNCTION chronos.api_bulk_status(operation text) RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $$
    select coalesce(
        (select chronos.api_ok(jsonb_build_object('success', true, 'data', found))
         from chronos.api_bulk(chronos.to_uuid(operation)) found where found is not null),
        chronos.api_refuse(404, 'not_found', 'id', 'there is no operation with this id'))
$$;
CREATE FUNCTION chronos.api_cursor(at timestamp with time zone, id uuid) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ select to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ',' || id $$;
CREATE FUNCTION chronos.api_dashboard(creator text, starts text, ends text) RETURNS chronos.api_answer
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.api_diagnostics(video text) RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $_$
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
$_$;
CREATE FUNCTION chronos.api_ok(body jsonb) RETURNS chronos.api_answer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ select (200, null, null, null, body)::chronos.api_answer $$;
CREATE FUNCTION chronos.api_place(api_cursor text) RETURNS TABLE(at timestamp with time zone, id uuid)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$
    select split_part(api_cursor, ',', 1)::timestamptz,
           case when strpos(api_cursor, ',') > 0 then split_part(api_cursor, ',', 2)
               else '00000000-0000-0000-0000-000000000000' end::uuid
$$;
CREATE FUNCTION chronos.api_refuse(status integer, code text, field text, message text) RETURNS chronos.api_answer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ select (status, code, field, message, null)::chronos.api_answer $$;
CREATE FUNCTION chronos.api_reprocess(request jsonb) RETURNS chronos.api_answer
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.api_retry_stuck() RETURNS chronos.api_answer
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.api_retry_video(video text) RETURNS chronos.api_answer
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.api_start_bulk(kind text, request jsonb) RETURNS chronos.api_answer
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.api_stuck_videos() RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $$
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
$$;
CREATE FUNCTION chronos.api_time(at timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ select to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
CREATE FUNCTION chronos.api_video_list(creator text, state text, looked_for text, before text, most integer) RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $$
    with page as (
        select v.id, v.creator_id, v.title, v.status, v.source_type, v.duration_seconds, v.error_message,
               v.thumbnail_url, v.created_at, v.updated_at
        from public.videos v
        where not v.is_deleted
            and (creator is null or v.creator_id = chronos.to_uuid(creator))
            and (state is null or v.status = any (string_to_array(state, ',')))
            and (looked_for is null or strpos(lower(v.title), lower(looked_for)) > 0)
            and (before is null or (v.created_at, v.id) < (select x.at, x.id from chronos.api_place(before) x))
        order by v.created_at desc, v.id desc
        limit most
    )
    select chronos.api_ok(jsonb_build_object(
        'success', true,
        'data', coalesce((select jsonb_agg(to_jsonb(p) || jsonb_build_object(
            'created_at', chronos.api_time(p.created_at), 'updated_at', chronos.api_time(p.updated_at),
            'progress', chronos.video_progress(p.status)) order by p.created_at desc, p.id desc) from page p), '[]'),
        'next', (select chronos.api_cursor(p.created_at, p.id) from page p
                 where (select count(*) from page) = most order by p.created_at, p.id limit 1)))
$$;
CREATE FUNCTION chronos.api_video_status(video text) RETURNS chronos.api_answer
    LANGUAGE sql STABLE
    AS $$
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
$$;
CREATE FUNCTION chronos.append_metadata(old jsonb, key text, entry jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select chronos.merge_metadata(old, jsonb_build_object(
        key,
        case jsonb_typeof(old -> key)
            when 'array' then old -> key
            when 'object' then jsonb_build_array(old -> key)
            else '[]'
        end || jsonb_build_array(entry)))
$$;
CREATE FUNCTION chronos.begin_ledger_entry(run text, accepted timestamp with time zone, step_name text, worker_id text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;
CREATE FUNCTION chronos.blot_audit(creator text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.cancel(run text, reason text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    row_id bigint;
    ended text;
begin
    perform chronos.check_run_id('cancel', run);
    if octet_length(cancel.reason) not between 1 and 1000 then
        perform chronos.refuse('cancel: reason must have 1 to 1000 bytes, or be null');
    end if;
    select r.status into ended from chronos.runs r where r.id = run;
    if found then
        perform chronos.refuse(format('cancel: run %s has ended (%s)', run, ended));
    end if;
    insert into chronos.commands as c (kind, run_id, reason)
    values ('cancel', run, coalesce(cancel.reason, 'cancelled by an operator'))
    returning c.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.cancel_all(runs text[], reason text, OUT run_id text, OUT row_id bigint, OUT error text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    foreach run_id in array runs loop
        begin
            row_id := chronos.cancel(run_id, reason);
            error := null;
        exception when invalid_parameter_value then
            row_id := null;
            error := sqlerrm;
        end;
        return next;
    end loop;
end
$$;
CREATE FUNCTION chronos.cancel_where(fn text, owner text DEFAULT NULL::text, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, condition text DEFAULT NULL::text, everything boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    given integer := num_nonnulls(fn, cancel_where.owner, cancel_where.since, cancel_where.until, cancel_where.condition);
    row_id bigint;
begin
    if given = 0 and everything is not true then
        perform chronos.refuse('cancel_where: one of fn, owner, since, until and condition must be given',
                               'everything => true ends all live runs');
    end if;
    if given > 0 and everything then
        perform chronos.refuse('cancel_where: everything must be alone: fn, owner, since, until and condition are null then');
    end if;
    if fn = '' then
        perform chronos.refuse('cancel_where: fn must be the id of a function, or null for any');
    end if;
    if fn is not null then
        perform chronos.find_function('cancel_where', fn);
    end if;
    if cancel_where.owner is not null then
        cancel_where.owner := chronos.check_owner('cancel_where', cancel_where.owner);
    end if;
    if not isfinite(since) or not isfinite(until) then
        perform chronos.refuse('cancel_where: since and until must be times, or null');
    end if;
    if since >= until then
        perform chronos.refuse('cancel_where: since must be earlier than until');
    end if;
    if octet_length(condition) not between 1 and 1024 then
        perform chronos.refuse('cancel_where: condition must have 1 to 1024 bytes, or be null');
    end if;
    insert into chronos.commands as c (kind, reason, function_id, owner, since, until, condition)
    values ('cancel_where', 'cancelled by an operator', fn, cancel_where.owner, cancel_where.since,
            cancel_where.until, cancel_where.condition)
    returning c.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.carry_ledger(from_run text, run text, accepted timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;
CREATE FUNCTION chronos.check_data(caller text, data jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    most bigint := coalesce((select m.value from chronos.meta m where m.key = 'max_event_bytes')::bigint, 524288);
    size bigint := octet_length(data::text);
begin
    if data is null or jsonb_typeof(data) <> 'object' then
        perform chronos.refuse(caller || ': data must be a JSON object, as in {"videoId": "…"}');
    end if;
    if size > most then
        perform chronos.refuse(
            format('%s: data has %s bytes; at most %s are allowed: store it and send its id', caller, size, most));
    end if;
    if jsonb_path_exists(data, 'strict $.**{100 to last} ? (@.type() == "object" || @.type() == "array")') then
        perform chronos.refuse(caller || ': data is nested deeper than 100 levels');
    end if;
    if jsonb_path_exists(data, 'strict $.** ? (@.type() == "number" &&'
                               ' (@ > 9223372036854775807 || @ < -9223372036854775808))') then
        perform chronos.refuse(caller || ': data holds a number that does not fit into 64 bits');
    end if;
end
$_$;
CREATE FUNCTION chronos.check_keep(keep jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
    k record;
begin
    if jsonb_typeof(keep) is distinct from 'object' or not keep ? 'default' then
        raise exception 'keep must be an object of days by table, with "default"' using errcode = 'invalid_parameter_value';
    end if;
    for k in select key, value from jsonb_each(keep) loop
        if jsonb_typeof(k.value) <> 'number' or (k.value::text)::numeric not between 1 and 36500
            or (k.value::text)::numeric <> trunc((k.value::text)::numeric) then
            raise exception 'keep: % must be a whole number of days from 1 to 36500', k.key
                using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end
$$;
CREATE FUNCTION chronos.check_owner(caller text, owner text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    if coalesce(owner, '') = '' then
        perform chronos.refuse(caller || ': owner must not be empty');
    end if;
    if owner ~ '[\x01-\x1f\x7f]' then
        perform chronos.refuse(caller || ': owner must be one line');
    end if;
    if octet_length(owner) > 128 then
        perform chronos.refuse(
            format('%s: owner has %s bytes; at most 128 are allowed', caller, octet_length(owner)),
            'a longer value is counted as its beginning, ~ and a hash: chronos-scheduler --explain RUN shows it as the key');
    end if;
    if owner ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return lower(owner);
    end if;
    return owner;
end
$_$;
CREATE FUNCTION chronos.check_retry(run text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    other text;
begin
    perform pg_advisory_xact_lock(hashtextextended('chronos.retry:' || run, 0));
    if exists (select from chronos.outbox o where o.retry_of = run) then
        perform chronos.refuse(format('retry: run %s is being retried already', run));
    end if;
    select again.run_id into other
    from chronos.events e
    cross join lateral unnest(e.run_ids) as again (run_id)
    where e.retry_of = run
        and not exists (
            select from chronos.runs r
            where r.id = again.run_id
                and r.status <> 'completed'
        )
    limit 1;
    if found then
        perform chronos.refuse(format('retry: run %s has been retried by run %s', run, other));
    end if;
end
$$;
CREATE FUNCTION chronos.check_run_id(caller text, run text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    if run is null or run !~ '^[0-9A-HJKMNP-TV-Z]{26}$' then
        perform chronos.refuse(format('%s: run must be the id of a run, 26 letters and digits, not %s', caller,
                                      coalesce(quote_literal(left(run, 64)), 'null')));
    end if;
end
$_$;
CREATE FUNCTION chronos.clear_limit(name text, owner text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    l record;
begin
    l := chronos.find_limit('clear_limit', clear_limit.name, clear_limit.owner);
    perform chronos.set_control('limit', l.full_name, null, l.part);
end
$$;
CREATE FUNCTION chronos.complete_watch_session() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        begin
            if new.percent_complete >= 90 then
                new.completed := true;
            end if;
            return new;
        end
        $$;
CREATE FUNCTION chronos.compute_analytics(creators uuid[], ranges text[], range_starts timestamp with time zone[], range_ends timestamp with time zone[]) RETURNS TABLE(creator_id uuid, date_range text, data jsonb)
    LANGUAGE sql STABLE
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    SET work_mem TO '128MB'
    AS $$
    -- Creators and ranges go by their numbers in here.
    with span as (
        select r.no::integer as no, r.name, r.starts, r.ends,
               r.starts - interval '24 hours' * ceil(extract(epoch from r.ends - r.starts) / 86400)::double precision
                   as previous_starts
        from unnest(ranges, range_starts, range_ends) with ordinality as r (name, starts, ends, no)
    ),
    -- Times are whole microseconds, so what follows a bound begins one microsecond after it.
    bound as materialized (
        select array_agg(distinct b order by b) as list
        from span s
        cross join lateral (values (s.starts), (s.ends + interval '1 microsecond'),
                                   (s.previous_starts), (s.starts + interval '1 microsecond')) as x (b)
    ),
    -- The segments of each range, and those of the range before: number n begins with the n-th bound.
    part as materialized (
        select s.no as span, n as segment,
               s.starts <= bound.list[n] and bound.list[n] <= s.ends as is_now,
               s.previous_starts <= bound.list[n] and bound.list[n] <= s.starts as is_before
        from span s
        cross join bound
        cross join lateral generate_series(1, cardinality(bound.list)) n
        where bound.list[n] between s.previous_starts and s.ends
    ),
    creator as materialized (
        select c.id, row_number() over (order by c.id)::integer as no
        from public.creators c
        where c.id = any (creators)
    ),
    video as materialized (
        select c.no as creator, v.id, v.title, v.thumbnail_url, v.duration_seconds, v.source_type, v.file_size_bytes, v.created_at
        from public.videos v
        join creator c on c.id = v.creator_id
        where v.creator_id = any (creators)
            and not v.is_deleted
    ),
    started as materialized (
        select c.no as creator, e.video_id, e.student_id, e.created_at,
               floor(date_part('epoch', e.created_at) / 86400)::integer as day,
               floor(date_part('epoch', e.created_at) / 3600)::integer as hour,
               width_bucket(e.created_at, bound.list) as segment
        from (
            select e.creator_id, e.video_id, e.student_id, e.created_at
            from bound
            join public.video_analytics_events e
                on e.created_at >= bound.list[1] and e.created_at < bound.list[cardinality(bound.list)]
            where e.creator_id = any (creators)
                and e.event_type = 'video_started'
            offset 0 -- so that the index is asked for the time, too
        ) e
        join creator c on c.id = e.creator_id
        cross join bound
    ),
    outcome as materialized (
        select c.no as creator, e.video_id, e.event_type, e.created_at, width_bucket(e.created_at, bound.list) as segment,
               case when e.event_type = 'video_completed'
                   then chronos.metadata_number(e.metadata -> 'watch_time_seconds') end as watched,
               case when e.event_type = 'video_transcribed' then e.metadata end as metadata
        from (
            select e.creator_id, e.video_id, e.event_type, e.metadata, e.created_at
            from bound
            join public.video_analytics_events e
                on e.created_at >= bound.list[1] and e.created_at < bound.list[cardinality(bound.list)]
            where e.creator_id = any (creators)
                and e.event_type in ('video_completed', 'video_transcribed')
            offset 0
        ) e
        join creator c on c.id = e.creator_id
        cross join bound
    ),
    -- what happened to each video in each range and in the one before
    per_video as materialized (
        select x.creator, p.span, x.video_id,
               coalesce(sum(x.starts) filter (where p.is_now), 0) as starts,
               coalesce(sum(x.completions) filter (where p.is_now), 0) as completions,
               coalesce(sum(x.watched) filter (where p.is_now), 0) as watched,
               coalesce(sum(x.starts) filter (where p.is_before), 0) as starts_before,
               coalesce(sum(x.completions) filter (where p.is_before), 0) as completions_before,
               coalesce(sum(x.watched) filter (where p.is_before), 0) as watched_before
        from (
            select s.creator, s.video_id, s.segment, count(*)::integer as starts, 0 as completions, null::numeric as watched
            from started s
            group by s.creator, s.video_id, s.segment
            union all
            select o.creator, o.video_id, o.segment, 0, count(*)::integer, sum(o.watched)
            from outcome o
            where o.event_type = 'video_completed'
            group by o.creator, o.video_id, o.segment
        ) x
        join part p on p.segment = x.segment
        group by x.creator, p.span, x.video_id
    ),
    -- queries 1 and 2: the figures of the range and of the one before; a video that nobody started has the rate 0
    totals as materialized (
        select t.creator, t.span, sum(t.starts) as views, sum(t.watched) as watched,
               sum(t.starts_before) as views_before, sum(t.watched_before) as watched_before
        from per_video t
        group by t.creator, t.span
    ),
    rates as materialized (
        select v.creator, t.span,
               sum(case when t.starts > 0 then t.completions::double precision / t.starts::double precision * 100 end
                   order by v.id) as rates,
               sum(case when t.starts_before > 0
                       then t.completions_before::double precision / t.starts_before::double precision * 100 end
                   order by v.id) as rates_before
        from per_video t
        join video v on v.id = t.video_id and v.creator = t.creator
        group by v.creator, t.span
    ),
    videos as materialized (
        select v.creator, count(*) as count from video v group by v.creator
    ),
    metrics as (
        select c.no as creator, c.id, s.no as span, s.name,
               coalesce(t.views, 0) as views, coalesce(t.watched, 0)::double precision as watched,
               coalesce(r.rates / n.count, 0) as rate, coalesce(n.count, 0) as videos,
               coalesce(t.views_before, 0) as views_before,
               coalesce(t.watched_before, 0)::double precision as watched_before,
               coalesce(r.rates_before / n.count, 0) as rate_before
        from creator c
        cross join span s
        left join totals t on t.creator = c.no and t.span = s.no
        left join rates r on r.creator = c.no and r.span = s.no
        left join videos n on n.creator = c.no
    ),
    -- The days of each range: from its start in steps of 24 hours. Nearly all days of all time have nothing to tell, so the
    -- entries of such days are written once, all of one length with the bracket or comma before them, and copied from there in
    -- runs: that is most of the work saved. They are bytes: a text is walked through to find a place in it.
    blank as materialized (
        select x.span, x.first_day, x.days, x.views, octet_length(x.views) / x.days as views_size,
               x.storage, octet_length(x.storage) / x.days as storage_size
        from (
            select s.no as span, floor(date_part('epoch', s.starts) / 86400)::integer as first_day, count(*)::integer as days,
                   convert_to('[' || string_agg('{"date":"' || d.date || '","views":0}', ',' order by d.n), 'UTF8') as views,
                   convert_to('[' || string_agg('{"date":"' || d.date || '","storage_gb":0,"cumulative_gb":@}', ',' order by d.n),
                              'UTF8') as storage
            from span s
            cross join lateral (
                select to_char(t at time zone 'UTC', 'YYYY-MM-DD') as date, n
                from generate_series(s.starts, s.ends, interval '24 hours') with ordinality x (t, n)
            ) d
            group by s.no, s.starts
        ) x
    ),
    -- ends each list: behind the last day
    behind as (
        select c.no as creator, b.span, b.days + 1 as n from creator c cross join blank b
    ),
    -- query 3
    views_per_day as materialized (
        select x.creator, x.span, x.day - b.first_day + 1 as n, x.views
        from (
            select y.creator, p.span, y.day, sum(y.views) as views
            from (
                select s.creator, s.segment, s.day, count(*)::integer as views
                from started s
                group by s.creator, s.segment, s.day
            ) y
            join part p on p.segment = y.segment and p.is_now
            group by y.creator, p.span, y.day
        ) x
        join blank b on b.span = x.span and x.day - b.first_day < b.days
    ),
    views_over_time as materialized (
        select x.creator, x.span, convert_from(string_agg(x.entries, '' order by x.n), 'UTF8') as list
        from (
            select y.creator, y.span, y.n,
                   case when y.views is null then substring(b.views from y.last * b.views_size + 1) || ']'::bytea
                       else substring(b.views from y.last * b.views_size + 1 for (y.n - y.last) * b.views_size - 2)
                           || convert_to(y.views || '}', 'UTF8')
                   end as entries
            from (
                select z.*, coalesce(lag(z.n) over (partition by z.creator, z.span order by z.n), 0) as last
                from (
                    select v.creator, v.span, v.n, v.views from views_per_day v
                    union all
                    select e.creator, e.span, e.n, null from behind e
                ) z
            ) y
            join blank b on b.span = y.span
            offset 0 -- so that what is sorted is the entries and not what they are copied from
        ) x
        group by x.creator, x.span
    ),
    -- queries 4 and 8: the videos that were watched, best first
    watched as materialized (
        select v.creator, t.span, v.id, v.title, v.thumbnail_url, v.duration_seconds, v.source_type, t.starts,
               t.completions::double precision / t.starts::double precision * 100 as rate,
               case when t.completions > 0 then (t.watched / t.completions)::double precision else 0 end as watch_time,
               row_number() over (partition by v.creator, t.span
                                  order by t.completions::double precision / t.starts::double precision desc,
                                           t.starts desc, v.id) as place_by_rate,
               row_number() over (partition by v.creator, t.span order by t.starts desc, v.id) as place_by_views
        from per_video t
        join video v on v.id = t.video_id and v.creator = t.creator
        where t.starts > 0
    ),
    completion_rates as materialized (
        select w.creator, w.span,
               json_agg(json_build_object('video_id', w.id, 'title', w.title, 'completion_rate', w.rate, 'views', w.starts)
                        order by w.place_by_rate) as list
        from watched w
        where w.place_by_rate <= 10
        group by w.creator, w.span
    ),
    top_videos as materialized (
        select w.creator, w.span,
               json_agg(json_build_object(
                            'id', w.id, 'title', w.title, 'thumbnail_url', w.thumbnail_url,
                            'duration_seconds', w.duration_seconds, 'source_type', w.source_type, 'views', w.starts,
                            'avg_watch_time_seconds', w.watch_time, 'completion_rate', w.rate)
                        order by w.place_by_views) as list
        from watched w
        where w.place_by_views <= 20
        group by w.creator, w.span
    ),
    -- query 5: what transcripts cost; a failure is none
    cost_breakdown as materialized (
        select x.creator, x.span,
               json_agg(json_build_object('method', x.method, 'total_cost', x.cost::double precision, 'video_count', x.count)
                        order by x.first, x.method) as list
        from (
            select o.creator, p.span, coalesce(o.metadata ->> 'transcript_method', 'unknown') as method,
                   sum(chronos.metadata_number(coalesce(o.metadata -> 'cost_usd', o.metadata -> 'cost'))) as cost,
                   count(*) as count, min(o.created_at) as first
            from outcome o
            join part p on p.segment = o.segment and p.is_now
            where o.event_type = 'video_transcribed'
                and o.metadata -> 'failed' is distinct from 'true'
            group by 1, 2, 3
        ) x
        group by x.creator, x.span
    ),
    -- query 6: in bytes, which add up exactly
    bytes_per_day as materialized (
        select x.creator, x.span, x.day - b.first_day + 1 as n, x.bytes
        from (
            select v.creator, s.no as span, floor(date_part('epoch', v.created_at) / 86400)::integer as day,
                   sum(v.file_size_bytes) as bytes
            from video v
            join span s on v.created_at between s.starts and s.ends
            where v.source_type = 'upload'
                and v.file_size_bytes <> 0
            group by 1, 2, 3
        ) x
        join blank b on b.span = x.span and x.day - b.first_day < b.days
    ),
    storage_usage as materialized (
        select x.creator, x.span, string_agg(x.entries, '' order by x.n) as list
        from (
            select y.creator, y.span, y.n,
                   replace(convert_from(substring(b.storage from y.last * b.storage_size + 1
                                                  for (y.n - y.last - 1) * b.storage_size), 'UTF8'),
                           '@', ((y.total - coalesce(y.bytes, 0))::double precision / 1073741824)::text)
                       || case when y.bytes is null then ']'
                              else convert_from(substring(b.storage from (y.n - 1) * b.storage_size + 1
                                                          for b.storage_size - length('0,"cumulative_gb":@}')), 'UTF8')
                                  || y.bytes::double precision / 1073741824
                                  || ',"cumulative_gb":' || y.total::double precision / 1073741824 || '}'
                          end as entries
            from (
                select z.*, coalesce(lag(z.n) over days, 0) as last, coalesce(sum(z.bytes) over days, 0) as total
                from (
                    select v.creator, v.span, v.n, v.bytes from bytes_per_day v
                    union all
                    select e.creator, e.span, e.n, null from behind e
                ) z
                window days as (partition by z.creator, z.span order by z.n)
            ) y
            join blank b on b.span = y.span
            offset 0
        ) x
        group by x.creator, x.span
    ),
    -- query 7
    learners as materialized (
        select x.creator, x.span, count(*) as learners, sum(x.videos)::bigint as pairs
        from (
            select y.creator, y.span, y.student_id, count(*)::integer as videos
            from (
                select z.creator, p.span, z.student_id, z.video_id
                from (
                    select s.creator, s.segment, s.student_id, s.video_id
                    from started s
                    where s.student_id is not null
                    group by s.creator, s.segment, s.student_id, s.video_id
                ) z
                join part p on p.segment = z.segment and p.is_now
                group by z.creator, p.span, z.student_id, z.video_id
            ) y
            group by y.creator, y.span, y.student_id
        ) x
        group by x.creator, x.span
    ),
    peak_hours as materialized (
        select x.creator, x.span,
               json_agg(json_build_object('hour', x.hour % 24, 'day_of_week', x.hour / 24, 'activity_count', x.count)
                        order by x.first, x.hour) as list
        from (
            select y.creator, p.span, y.hour, sum(y.count) as count, min(y.first) as first
            from (
                -- hours since a Sunday, 0 to 167
                select s.creator, s.segment, (s.hour + 96) % 168 as hour, count(*)::integer as count, min(s.created_at) as first
                from started s
                group by 1, 2, 3
            ) y
            join part p on p.segment = y.segment and p.is_now
            group by 1, 2, 3
        ) x
        group by x.creator, x.span
    )
    -- All of it stays text until the whole is read as JSON once.
    select m.id, m.name,
           concat(
               '{"metrics":', json_build_object(
                   'total_views', m.views,
                   'total_watch_time_seconds', m.watched,
                   'avg_completion_rate', m.rate,
                   'total_videos', m.videos,
                   'trends', json_build_object(
                       'views', chronos.analytics_trend(m.views::double precision, m.views_before::double precision),
                       'watch_time', chronos.analytics_trend(m.watched, m.watched_before),
                       'completion', chronos.analytics_trend(m.rate, m.rate_before),
                       'videos', 0)),
               ',"views_over_time":', coalesce(v.list, '[]'),
               ',"completion_rates":', coalesce(r.list, '[]'),
               ',"cost_breakdown":', coalesce(b.list, '[]'),
               ',"storage_usage":', coalesce(u.list, '[]'),
               ',"student_engagement":', '{"active_learners":', coalesce(l.learners, 0),
               ',"avg_videos_per_student":', coalesce(l.pairs::double precision / l.learners, 0),
               ',"peak_hours":', coalesce(h.list, '[]'),
               '},"top_videos":', coalesce(t.list, '[]'), '}')::jsonb
    from metrics m
    left join views_over_time v on v.creator = m.creator and v.span = m.span
    left join completion_rates r on r.creator = m.creator and r.span = m.span
    left join cost_breakdown b on b.creator = m.creator and b.span = m.span
    left join storage_usage u on u.creator = m.creator and u.span = m.span
    left join learners l on l.creator = m.creator and l.span = m.span
    left join peak_hours h on h.creator = m.creator and h.span = m.span
    left join top_videos t on t.creator = m.creator and t.span = m.span
$$;
CREATE FUNCTION chronos.days_joined(day date) RETURNS SETOF date
    LANGUAGE sql STABLE
    SET "TimeZone" TO 'UTC'
    AS $$
    select distinct chronos.time_of_id(r.run_id)::date
    from chronos.events e
    cross join lateral unnest(e.run_ids) as r (run_id)
    where e.outcome = 'accepted'
        and e.accepted_at >= day::timestamptz
        and e.accepted_at < (day + 1)::timestamptz
        and left(r.run_id, 10) <> left(e.id, 10)
        and chronos.time_of_id(r.run_id) < day::timestamptz
$$;
CREATE FUNCTION chronos.days_retried() RETURNS SETOF date
    LANGUAGE sql STABLE
    SET "TimeZone" TO 'UTC'
    AS $$
    with recursive chain (run_id, depth) as (
        select e.retry_of, 1
        from chronos.events e
        cross join lateral unnest(e.run_ids) as r (run_id)
        where e.retry_of is not null
            and e.outcome = 'accepted'
            and not exists (select from chronos.runs done where done.id = r.run_id)
        union
        select e.retry_of, chain.depth + 1
        from chain
        join chronos.events e on e.id between left(chain.run_id, 10) || repeat('0', 16)
                                  and left(chain.run_id, 10) || repeat('Z', 16)
        where chain.run_id = any (e.run_ids)
            and e.retry_of is not null
            and chain.depth < 100
    )
    select distinct r.accepted_at::date
    from chain
    join chronos.runs r on r.id = chain.run_id
$$;
CREATE FUNCTION chronos.delete_videos(operation uuid, creator uuid, ids uuid[]) RETURNS TABLE(video_id uuid, error text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;
CREATE FUNCTION chronos.dot_product(a real[], b double precision[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT COST 10000 PARALLEL SAFE
    AS $$ select sum(x * y) from (select unnest(a) as x, unnest(b) as y) t $$;
CREATE FUNCTION chronos.drain(fn text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform chronos.find_function('drain', fn);
    perform chronos.set_control('pause', fn, 'drain');
end
$$;
CREATE FUNCTION chronos.drop_partition(partition text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '2s'
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    part chronos.partitions;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    select * into part from chronos.partitions p where p.partition::text = drop_partition.partition;
    if not found then
        return; -- another scheduler was faster
    end if;
    execute format('drop table %s', part.partition);
    delete from chronos.settled_days s
    where s.day = part.day
        and not exists (select from chronos.partitions p where p.day = s.day);
end
$$;
CREATE FUNCTION chronos.drop_partitions(keep_days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    dropped integer := 0;
    judged date;
    part text;
    keep jsonb := jsonb_build_object('default', keep_days);
begin
    perform chronos.part_old_rows(keep);
    loop
        judged := chronos.settle_next_day(judged);
        exit when judged is null;
    end loop;
    for part in select p.partition::text from chronos.droppable_partitions(keep) p loop
        perform chronos.drop_partition(part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
CREATE VIEW chronos.partitioned_tables AS
 SELECT c.relname AS table_name,
    a.attname AS key_column,
    p.partdefid AS default_partition
   FROM ((pg_partitioned_table p
     JOIN pg_class c ON ((c.oid = p.partrelid)))
     JOIN pg_attribute a ON (((a.attrelid = p.partrelid) AND (a.attnum = p.partattrs[0]))))
  WHERE (c.relnamespace = ('chronos'::regnamespace)::oid);
CREATE VIEW chronos.partitions AS
 SELECT t.table_name,
    (c.oid)::regclass AS partition,
    to_date("right"((c.relname)::text, 8), 'YYYYMMDD'::text) AS day
   FROM ((chronos.partitioned_tables t
     JOIN pg_inherits i ON ((i.inhparent = ((('chronos.'::text || quote_ident((t.table_name)::text)))::regclass)::oid)))
     JOIN pg_class c ON ((c.oid = i.inhrelid)))
  WHERE (c.relname ~ '_\d{8}$'::text);
CREATE FUNCTION chronos.droppable_partitions(keep jsonb) RETURNS SETOF chronos.partitions
    LANGUAGE sql STABLE
    SET "TimeZone" TO 'UTC'
    AS $$
    with days_with_events as materialized (
        select p.day, s.day is not null as settled, s.joined
        from chronos.partitions p
        left join chronos.settled_days s on s.day = p.day
        where p.table_name = 'events'
    ),
    joined as materialized (
        select unnest(d.joined) as day
        from days_with_events d
        union all
        select j
        from days_with_events d
        cross join lateral chronos.days_joined(d.day) j
        where not d.settled
    ),
    retried as materialized (
        select chronos.days_retried() as day
    ),
    expired as materialized (
        select p.table_name, p.partition, p.day,
               p.table_name not in ('events', 'runs', 'run_steps', 'step_ledger')
               or exists (select from chronos.settled_days s where s.day = p.day)
                   and not exists (select from retried r where r.day = p.day) as is_free
        from chronos.expired_partitions(keep) p
    )
    select x.table_name, x.partition, x.day
    from expired x
    where x.is_free
        and (x.table_name <> 'runs'
            or not exists (select from joined j where j.day = x.day)
                and (not exists (select from days_with_events d where d.day = x.day)
                    or exists (select from expired ev where ev.table_name = 'events' and ev.day = x.day and ev.is_free)))
    order by x.day, x.table_name = 'runs', x.table_name
$$;
CREATE FUNCTION chronos.embedding_in(value text) RETURNS real[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
        declare
            v constant real[] := translate(value, '[]', '{}')::real[];
        begin
            if array_ndims(v) is distinct from 1 or array_position(v, null) is not null or 'NaN' = any (v)
                    or 'Infinity' = any (v) or '-Infinity' = any (v) then
                raise exception 'an embedding is a list of finite numbers' using errcode = 'data_exception';
            end if;
            return v;
        end
        $$;
CREATE FUNCTION chronos.ensure_partitions(days_back integer, days_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    made integer := 0;
    tbl chronos.partitioned_tables;
    day date;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for day in select d::date from generate_series(current_date - days_back,
                                                       current_date + days_ahead,
                                                       interval '1 day') d loop
            if chronos.make_partition(tbl, day) then
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;
CREATE FUNCTION chronos.erase_application_data(creator uuid, operation uuid) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
$_$;
CREATE FUNCTION chronos.erase_creator(order_id bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
$_$;
CREATE FUNCTION chronos.erase_history(creator text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.erase_refused_rows(creator text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE TABLE chronos.events (
    id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    stream_id text,
    name text NOT NULL,
    data json,
    "user" json,
    v text,
    ts timestamp with time zone,
    idempotency_key text,
    creator_id text,
    outcome text NOT NULL,
    function_ids text[] DEFAULT '{}'::text[] NOT NULL,
    run_ids text[] DEFAULT '{}'::text[] NOT NULL,
    retry_of text,
    replay_of text,
    parent text,
    traceparent text,
    CONSTRAINT events_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'duplicate'::text, 'unmatched'::text])))
)
PARTITION BY RANGE (accepted_at);
COMMENT ON COLUMN chronos.events.traceparent IS 'W3C trace context that came with the event; null = its trace follows from its id';
CREATE TABLE chronos.runs (
    id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    function_id text NOT NULL,
    event_id text,
    event_name text,
    creator_id text,
    status text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    queued_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error_code text,
    error_message text,
    output json,
    cost_usd numeric(12,6),
    worker text
)
PARTITION BY RANGE (accepted_at);
CREATE FUNCTION chronos.events_of_run(run chronos.runs) RETURNS SETOF chronos.events
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.*
    from chronos.events e
    where e.name = any (
            array(select jsonb_array_elements_text(f.manifest -> 'triggers')
                  from chronos.functions f
                  where f.id = run.function_id) || run.event_name)
        and e.accepted_at >= run.accepted_at
        and e.accepted_at <= greatest(run.accepted_at, coalesce(run.started_at, run.finished_at)) + interval '1 minute'
        and run.id = any (e.run_ids)
    order by e.id
$$;
CREATE FUNCTION chronos.expired_partitions(keep jsonb) RETURNS SETOF chronos.partitions
    LANGUAGE sql STABLE
    SET "TimeZone" TO 'UTC'
    AS $$
    select p.*
    from chronos.partitions p
    where p.day < current_date - coalesce(keep ->> p.table_name, keep ->> 'default')::integer
    order by p.day, p.table_name
$$;
CREATE FUNCTION chronos.find_ended_run(caller text, run text) RETURNS chronos.runs
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    ended chronos.runs;
begin
    perform chronos.check_run_id(caller, run);
    select r.* into ended from chronos.runs r where r.id = run;
    if not found then
        if chronos.is_accepted_run(run) then
            perform chronos.refuse(format('%s: run %s has not ended yet', caller, run));
        end if;
        perform chronos.refuse(format('%s: there is no run %s', caller, run),
                               'runs older than CHRONOS_RETENTION_DAYS are gone');
    end if;
    return ended;
end
$$;
CREATE FUNCTION chronos.find_function(caller text, fn text) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    found_manifest jsonb;
begin
    if coalesce(fn, '') = '' then
        perform chronos.refuse(caller || ': fn must be the id of a function');
    end if;
    select f.manifest into found_manifest from chronos.functions f where f.id = fn;
    if found_manifest is null then
        perform chronos.refuse(
            format('%s: fn: there is no function %s', caller, left(fn, 128)),
            'select id from chronos.functions lists those that a worker has published');
    end if;
    return found_manifest;
end
$$;
CREATE FUNCTION chronos.find_limit(caller text, name text, owner text, OUT full_name text, OUT part integer) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    declared text;
begin
    if coalesce(find_limit.name, '') = '' then
        perform chronos.refuse(caller || ': name must be the name of a limit');
    end if;
    select l ->> 'name' into declared
    from chronos.functions f
    cross join lateral jsonb_array_elements(f.manifest -> 'limits') l
    where find_limit.name = l ->> 'name'
        or regexp_replace(l ->> 'name', ':\$\d*$', '') in (find_limit.name, 'fn/' || find_limit.name)
    order by find_limit.name = l ->> 'name' desc, l ->> 'name'
    limit 1;
    if declared is null then
        perform chronos.refuse(
            format('%s: name: no function has a limit %s', caller, left(find_limit.name, 128)),
            (select 'there are ' || string_agg(distinct regexp_replace(l ->> 'name', ':\$\d*$', ''), ', ')
             from chronos.functions f
             cross join lateral jsonb_array_elements(f.manifest -> 'limits') l));
    end if;
    full_name := regexp_replace(declared, ':\$\d*$', '');
    if declared = full_name then
        if owner is not null then
            perform chronos.refuse(format('%s: owner must be null: %s is counted over all together', caller,
                                          full_name));
        end if;
        return;
    end if;
    part := coalesce(nullif(substring(declared from ':\$(\d*)$'), ''), '1')::integer;
    if owner is null then
        perform chronos.refuse(format('%s: owner must say whose: %s is counted for each', caller, full_name));
    end if;
    full_name := full_name || ':' || chronos.check_owner(caller, owner);
end
$_$;
CREATE FUNCTION chronos.forget(creator text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;
CREATE FUNCTION chronos.from_ms(ms bigint) RETURNS timestamp with time zone
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ select timestamptz 'epoch' + ms * interval '1 millisecond' $$;
CREATE TABLE public.videos (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    creator_id uuid NOT NULL,
    title text NOT NULL,
    description text,
    url text,
    storage_path text,
    thumbnail_url text,
    duration_seconds integer,
    transcript text,
    transcript_language text DEFAULT 'en'::text,
    status text DEFAULT 'pending'::text NOT NULL,
    error_message text,
    processing_started_at timestamp with time zone,
    processing_completed_at timestamp with time zone,
    file_size_bytes bigint,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL,
    source_type text DEFAULT 'upload'::text,
    youtube_video_id text,
    youtube_channel_id text,
    whop_lesson_id text,
    mux_asset_id text,
    mux_playback_id text,
    embed_type text,
    embed_id text,
    CONSTRAINT videos_embed_type_check CHECK (((embed_type IS NULL) OR (embed_type = ANY (ARRAY['youtube'::text, 'loom'::text, 'vimeo'::text, 'wistia'::text])))),
    CONSTRAINT videos_source_type_check CHECK ((source_type = ANY (ARRAY['youtube'::text, 'mux'::text, 'loom'::text, 'upload'::text]))),
    CONSTRAINT videos_source_validation CHECK ((((source_type = 'youtube'::text) AND (youtube_video_id IS NOT NULL)) OR ((source_type = 'mux'::text) AND (mux_playback_id IS NOT NULL)) OR ((source_type = 'loom'::text) AND (embed_id IS NOT NULL)) OR ((source_type = 'upload'::text) AND (storage_path IS NOT NULL)))),
    CONSTRAINT videos_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'uploading'::text, 'transcribing'::text, 'processing'::text, 'embedding'::text, 'completed'::text, 'failed'::text])))
);
CREATE FUNCTION chronos.has_transcript(video public.videos) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$ select btrim(coalesce(video.transcript, ''), E' \t\n\r') <> '' $$;
CREATE FUNCTION chronos.held_partitions(keep jsonb) RETURNS SETOF chronos.partitions
    LANGUAGE sql STABLE
    AS $$
    select *
    from chronos.expired_partitions(keep)
    except
    select *
    from chronos.droppable_partitions(keep)
$$;
CREATE FUNCTION chronos.id_of_line(line bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    AS $$ select encode(substring(line for greatest(position('\x09'::bytea in line) - 1, 0)), 'escape') $$;
CREATE FUNCTION chronos.invoke(fn text, data jsonb DEFAULT '{}'::jsonb) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    row_id bigint;
begin
    perform chronos.find_function('invoke', fn);
    perform chronos.check_data('invoke', invoke.data);
    insert into chronos.outbox as o (name, data, function_id)
    values ('inngest/function.invoked', invoke.data - '_inngest', fn)
    returning o.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.is_accepted_run(run text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (
        select from chronos.events e
        where e.id between left(run, 10) || repeat('0', 16) and left(run, 10) || repeat('Z', 16)
            and run = any (e.run_ids)
    )
$$;
CREATE FUNCTION chronos.is_day_live(day date) RETURNS boolean
    LANGUAGE sql STABLE
    SET "TimeZone" TO 'UTC'
    AS $$
    select exists (
        select from chronos.live_runs l
        where l.accepted_at >= day::timestamptz
            and l.accepted_at < (day + 1)::timestamptz
    )
$$;
CREATE FUNCTION chronos.is_video_of_run(metadata jsonb, status text, run_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(metadata ->> 'processing_run' = run_id, status <> 'completed')
$$;
CREATE FUNCTION chronos.is_worked_on(video public.videos) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
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
$_$;
CREATE FUNCTION chronos.joins_events(fn text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(
        (select coalesce((f.manifest -> 'batch' ->> 'max_size')::numeric, 0) > 0
                or coalesce((f.manifest -> 'debounce' ->> 'keep_all')::boolean, false)
         from chronos.functions f
         where f.id = fn),
        false)
$$;
CREATE FUNCTION chronos.ledger_lock(run text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ select hashtextextended('chronos.ledger:' || run, 0) $$;
CREATE FUNCTION chronos.make_partition(tbl chronos.partitioned_tables, day date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    part text := tbl.table_name || '_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass('chronos.' || quote_ident(part)) is not null then
        return false;
    end if;
    execute format('create table chronos.%I (like chronos.%I including all)', part, tbl.table_name);
    -- no row of the day may arrive between the move and the attachment
    execute format('lock table %s in access exclusive mode', tbl.default_partition::regclass);
    execute format('with moved as (delete from %s where %I >= %L and %I < %L returning *)'
                   ' insert into chronos.%I select * from moved',
                   tbl.default_partition::regclass, tbl.key_column, day::timestamptz,
                   tbl.key_column, (day + 1)::timestamptz, part);
    execute format('alter table chronos.%I attach partition chronos.%I for values from (%L) to (%L)',
                   tbl.table_name, part, day::timestamptz, (day + 1)::timestamptz);
    return true;
end
$$;
CREATE FUNCTION chronos.merge_metadata(old jsonb, new jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case jsonb_typeof(old) when 'object' then old else '{}' end || new
$$;
CREATE FUNCTION chronos.metadata_number(value jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ select case jsonb_typeof(value) when 'number' then value::numeric else 0 end $$;
CREATE FUNCTION chronos.notify_of_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pg_notify(tg_argv[0], '');
    return null;
end
$$;
CREATE FUNCTION chronos.part_old_rows(keep jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '2s'
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    tbl chronos.partitioned_tables;
    old date;
begin
    perform chronos.check_keep(keep);
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    for tbl in select * from chronos.partitioned_tables order by table_name loop
        for old in execute format(
            'select distinct %I::date from %s where %I < current_date - %L::integer and isfinite(%I)',
            tbl.key_column, tbl.default_partition::regclass, tbl.key_column,
            coalesce(keep ->> tbl.table_name, keep ->> 'default'), tbl.key_column)
        loop
            perform chronos.make_partition(tbl, old);
        end loop;
    end loop;
end
$$;
CREATE FUNCTION chronos.pause(fn text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform chronos.find_function('pause', fn);
    perform chronos.set_control('pause', fn, 'pause');
end
$$;
CREATE FUNCTION chronos.refresh_analytics(creators uuid[], at timestamp with time zone, OUT processed bigint, OUT entries bigint, OUT errors jsonb) RETURNS record
    LANGUAGE plpgsql
    SET work_mem TO '128MB'
    AS $$
declare
    half integer := cardinality(creators) / 2;
    first record;
    second record;
begin
    begin
        -- in the order of the ids, so that two at once do not wait for each other; a creator that was deleted meanwhile
        -- is not there, and one that is there stays until this is committed
        creators := array(select c.id from public.creators c where c.id = any (creators) order by c.id for key share);
        insert into public.analytics_cache as c (creator_id, date_range, data, computed_at)
        select a.creator_id, a.date_range, a.data, at
        from chronos.compute_analytics(
            creators,
            array(select r.date_range from chronos.analytics_ranges(at) r order by r.starts),
            array(select r.starts from chronos.analytics_ranges(at) r order by r.starts),
            array(select r.ends from chronos.analytics_ranges(at) r order by r.starts)) a
        order by a.creator_id, a.date_range
        on conflict (creator_id, date_range) do update
        set data = excluded.data, computed_at = excluded.computed_at
        where c.computed_at <= excluded.computed_at;
        get diagnostics entries = row_count;
        processed := cardinality(creators);
        errors := '[]';
        return;
    exception
        when data_exception or integrity_constraint_violation or program_limit_exceeded then
            if cardinality(creators) <= 1 then
                processed := cardinality(creators);
                entries := 0;
                errors := jsonb_build_array(creators[1] || ': ' || left(sqlerrm, 200));
                return;
            end if;
            half := cardinality(creators) / 2;
    end;
    first := chronos.refresh_analytics(creators[:half], at);
    second := chronos.refresh_analytics(creators[half + 1:], at);
    processed := first.processed + second.processed;
    entries := first.entries + second.entries;
    errors := first.errors || second.errors;
end
$$;
CREATE FUNCTION chronos.refuse(message text, hint text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if hint is null then
        raise exception using errcode = 'invalid_parameter_value', message = message;
    end if;
    raise exception using errcode = 'invalid_parameter_value', message = message, hint = hint;
end
$$;
CREATE FUNCTION chronos.replay(run text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    ended chronos.runs := chronos.find_ended_run('replay', run);
    event chronos.events;
    row_id bigint;
begin
    perform chronos.find_function('replay', ended.function_id);
    for event in select e.* from chronos.events_of_run(ended) e loop
        row_id := chronos.send_again(event, ended.function_id, null, run);
    end loop;
    if row_id is null then
        perform chronos.refuse(format('replay: the event of run %s is not kept any more', run));
    end if;
    return row_id;
end
$$;
CREATE FUNCTION chronos.resume(fn text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not exists (select from chronos.controls c where c.kind = 'pause' and c.name = fn) then
        perform chronos.find_function('resume', fn);
    end if;
    perform chronos.set_control('pause', fn, null);
end
$$;
CREATE FUNCTION chronos.retire(fn text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    row_id bigint;
begin
    perform chronos.find_function('retire', fn);
    insert into chronos.commands as c (kind, reason, function_id)
    values ('retire', format('the function %s is retired', fn), fn)
    returning c.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.retry(run text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    ended chronos.runs := chronos.find_ended_run('retry', run);
    events chronos.events[];
begin
    if ended.status not in ('failed', 'cancelled') then
        perform chronos.refuse(format('retry: run %s is %s; only a failed or cancelled run can be retried', run,
                                      ended.status),
                               'chronos.replay runs it again from the start');
    end if;
    perform chronos.find_function('retry', ended.function_id);
    perform chronos.check_retry(run);
    events := array(select e from chronos.events_of_run(ended) e);
    if cardinality(events) = 0 then
        perform chronos.refuse(format('retry: the event of run %s is not kept any more', run));
    end if;
    if cardinality(events) > 1 and chronos.joins_events(ended.function_id) then
        perform chronos.refuse(format('retry: run %s was started by %s events together', run, cardinality(events)),
                               'chronos.replay sends them again');
    end if;
    return chronos.send_again(
        (select e from unnest(events) e order by e.id = ended.event_id desc, e.ts desc, e.id desc limit 1),
        ended.function_id, run, null);
end
$$;
CREATE FUNCTION chronos.search_video_chunks_text(query_embedding text, match_count integer DEFAULT 5, similarity_threshold double precision DEFAULT 0.7, filter_video_ids uuid[] DEFAULT NULL::uuid[]) RETURNS TABLE(chunk_id uuid, video_id uuid, chunk_text text, start_time_seconds integer, end_time_seconds integer, similarity double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select s.chunk_id, s.video_id, s.chunk_text, s.start_time_seconds, s.end_time_seconds, s.similarity
    from public.search_video_chunks(chronos.embedding_in(query_embedding), match_count,
                                    similarity_threshold, filter_video_ids) s
$$;
CREATE FUNCTION chronos.send(name text, data jsonb DEFAULT '{}'::jsonb, id text DEFAULT NULL::text, ts timestamp with time zone DEFAULT NULL::timestamp with time zone, "user" jsonb DEFAULT NULL::jsonb, v text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    row_id bigint;
begin
    if coalesce(send.name, '') = '' then
        perform chronos.refuse('send: name must not be empty');
    end if;
    if octet_length(send.name) > 256 then
        perform chronos.refuse(format('send: name has %s bytes; at most 256 are allowed', octet_length(send.name)));
    end if;
    if starts_with(send.name, 'inngest/') then
        perform chronos.refuse('send: name: names that begin with inngest/ are the engine''s own');
    end if;
    perform chronos.check_data('send', send.data);
    if octet_length(send.id) not between 1 and 512 then
        perform chronos.refuse('send: id must have 1 to 512 bytes, or be null');
    end if;
    if send.ts not between '1980-01-01 00:00Z' and '2100-01-01 00:00Z' then
        perform chronos.refuse('send: ts must be between the years 1980 and 2100');
    end if;
    if octet_length(send."user"::text) > 65536 then
        perform chronos.refuse('send: user must be JSON of at most 65536 bytes');
    end if;
    if octet_length(send.v) not between 1 and 256 then
        perform chronos.refuse('send: v must have 1 to 256 bytes, or be null');
    end if;
    insert into chronos.outbox as o (name, data, idempotency_key, ts, "user", v)
    values (send.name, send.data - '_inngest', send.id, send.ts, send."user", send.v)
    returning o.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.send_again(event chronos.events, fn text, retry_of text, replay_of text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    row_id bigint;
begin
    if event.name not like 'inngest/%' and event.data::text like '%"\_inngest"%' then
        event.data := event.data::jsonb - '_inngest';
    end if;
    insert into chronos.outbox as o (name, data, "user", v, function_id, retry_of, replay_of)
    values (event.name, coalesce(event.data, '{}'), event."user", event.v, fn, send_again.retry_of,
            send_again.replay_of)
    returning o.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.send_all(seed text, events json) RETURNS TABLE(row_id bigint, created_ms bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
CREATE FUNCTION chronos.send_retry(video public.videos) RETURNS text
    LANGUAGE plpgsql
    AS $$
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
$$;
CREATE FUNCTION chronos.set_budget(owner text, usd numeric) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not usd between 0 and 1000000 then
        perform chronos.refuse('set_budget: usd must be from 0 to 1000000, or null');
    end if;
    perform chronos.set_control('limit', 'budget:' || chronos.check_owner('set_budget', set_budget.owner),
                                round(usd * 1000000)::bigint::text, 1);
end
$$;
CREATE FUNCTION chronos.set_control(kind text, name text, value text, part integer DEFAULT NULL::integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into chronos.controls as c (kind, name, value, part)
    values (set_control.kind, set_control.name, set_control.value, set_control.part)
    on conflict on constraint controls_pkey do update
    set value = excluded.value,
        part = excluded.part,
        updated_at = excluded.updated_at,
        updated_by = excluded.updated_by;
end
$$;
CREATE FUNCTION chronos.set_limit(name text, owner text, max integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    l record;
begin
    if max is null or max not between 0 and 1000000 then
        perform chronos.refuse('set_limit: max must be from 0 to 1000000');
    end if;
    l := chronos.find_limit('set_limit', set_limit.name, set_limit.owner);
    perform chronos.set_control('limit', l.full_name, max::text, l.part);
end
$$;
CREATE FUNCTION chronos.set_weight(owner text, weight numeric) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not weight between 0.01 and 1000 then
        perform chronos.refuse('set_weight: weight must be from 0.01 to 1000, or null');
    end if;
    perform chronos.set_control('weight', chronos.check_owner('set_weight', set_weight.owner),
                                round(weight, 6)::text);
end
$$;
CREATE FUNCTION chronos.settle_next_day(after date) RETURNS date
    LANGUAGE plpgsql
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    past date;
begin
    perform pg_advisory_xact_lock(hashtext('chronos.partitions'));
    select min(p.day) into past
    from chronos.partitions p
    where p.day < current_date - 1
        and (after is null or p.day > after)
        and not exists (select from chronos.settled_days s where s.day = p.day);
    if past is not null and not chronos.is_day_live(past) then
        insert into chronos.settled_days (day, joined)
        values (past, array(select chronos.days_joined(past)));
    end if;
    return past;
end
$$;
CREATE FUNCTION chronos.time_of_id(id text) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select chronos.from_ms(sum((position(substr(id, 10 - i, 1) in '0123456789ABCDEFGHJKMNPQRSTVWXYZ') - 1)::bigint << (5 * i))
                           ::bigint)
    from generate_series(0, 9) i
$$;
CREATE FUNCTION chronos.to_ms(t timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ select floor(extract(epoch from t) * 1000)::bigint $$;
CREATE FUNCTION chronos.to_uuid(value text) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    select case when value ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then value::uuid end
$_$;
CREATE FUNCTION chronos.trigger(fn text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    schedule text := chronos.find_function('trigger', fn) -> 'cron' ->> 'schedule';
    moment text := to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    row_id bigint;
begin
    if schedule is null then
        perform chronos.refuse(format('trigger: fn: %s has no schedule', fn),
                               'chronos.invoke starts any function');
    end if;
    insert into chronos.outbox as o (name, data, function_id)
    values ('inngest/scheduled.timer',
            json_build_object('cron', schedule, 'scheduledAt', moment, 'fireAt', moment, 'manual', true), fn)
    returning o.id into row_id;
    return row_id;
end
$$;
CREATE FUNCTION chronos.vector_length(v real[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT COST 5000 PARALLEL SAFE
    AS $$ select sqrt(sum(x * x)) from (select unnest(v)::double precision as x) t $$;
CREATE FUNCTION chronos.video_progress(status text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select case status when 'uploading' then 20 when 'transcribing' then 40 when 'processing' then 60
        when 'embedding' then 80 when 'completed' then 100 else 0 end
$$;
CREATE FUNCTION public.search_video_chunks(query_embedding real[], match_count integer DEFAULT 5, similarity_threshold double precision DEFAULT 0.7, filter_video_ids uuid[] DEFAULT NULL::uuid[]) RETURNS TABLE(chunk_id uuid, video_id uuid, chunk_text text, start_time_seconds integer, end_time_seconds integer, similarity double precision)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
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
            $$;
CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        begin
            new.updated_at = now();
            return new;
        end
        $$;
CREATE TABLE chronos.archive_cursor (
    partition integer NOT NULL,
    epoch text,
    last_id text
);
CREATE TABLE chronos.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    who text NOT NULL,
    from_address text NOT NULL,
    action text NOT NULL,
    target text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    request_id text,
    CONSTRAINT audit_action_check CHECK (((octet_length(action) >= 1) AND (octet_length(action) <= 100))),
    CONSTRAINT audit_details_check CHECK ((jsonb_typeof(details) = 'object'::text)),
    CONSTRAINT audit_from_address_check CHECK ((octet_length(from_address) <= 100)),
    CONSTRAINT audit_request_id_check CHECK ((octet_length(request_id) <= 64)),
    CONSTRAINT audit_target_check CHECK ((octet_length(target) <= 1000)),
    CONSTRAINT audit_who_check CHECK (((octet_length(who) >= 1) AND (octet_length(who) <= 200)))
);
ALTER TABLE chronos.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chronos.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE chronos.commands (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    kind text NOT NULL,
    run_id text,
    reason text NOT NULL,
    function_id text,
    owner text,
    since timestamp with time zone,
    until timestamp with time zone,
    condition text,
    applied_at timestamp with time zone,
    result text,
    CONSTRAINT commands_check CHECK (((kind = 'cancel'::text) = (run_id IS NOT NULL))),
    CONSTRAINT commands_check1 CHECK (((applied_at IS NULL) = (result IS NULL))),
    CONSTRAINT commands_kind_check CHECK ((kind = ANY (ARRAY['cancel'::text, 'cancel_where'::text, 'retire'::text]))),
    CONSTRAINT commands_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 1000)))
);
ALTER TABLE chronos.commands ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chronos.commands_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE chronos.controls (
    kind text NOT NULL,
    name text NOT NULL,
    value text,
    part integer,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT controls_check CHECK (
CASE kind
    WHEN 'pause'::text THEN (value = ANY (ARRAY['pause'::text, 'drain'::text]))
    WHEN 'limit'::text THEN (value ~ '^\d{1,15}$'::text)
    WHEN 'weight'::text THEN (value ~ '^\d{1,4}(\.\d{1,6})?$'::text)
    ELSE false
END),
    CONSTRAINT controls_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 500)))
);
CREATE VIEW chronos.cost_by_creator_day AS
 SELECT date_trunc('day'::text, runs.finished_at) AS day,
    runs.creator_id,
    runs.function_id,
    count(*) AS runs,
    sum(runs.cost_usd) AS usd
   FROM chronos.runs
  WHERE ((runs.cost_usd > (0)::numeric) AND (runs.finished_at > (now() - '31 days'::interval)))
  GROUP BY (date_trunc('day'::text, runs.finished_at)), runs.creator_id, runs.function_id;
COMMENT ON VIEW chronos.cost_by_creator_day IS 'Paid runs of the last 31 days.';
CREATE TABLE chronos.deleted_files (
    bucket text NOT NULL,
    path text NOT NULL,
    operation_id uuid NOT NULL,
    deleted_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE chronos.event_seeds (
    seed text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    row_ids bigint[],
    created_ms bigint[],
    digest bytea
);
CREATE TABLE chronos.events_default (
    id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    stream_id text,
    name text NOT NULL,
    data json,
    "user" json,
    v text,
    ts timestamp with time zone,
    idempotency_key text,
    creator_id text,
    outcome text NOT NULL,
    function_ids text[] DEFAULT '{}'::text[] NOT NULL,
    run_ids text[] DEFAULT '{}'::text[] NOT NULL,
    retry_of text,
    replay_of text,
    parent text,
    traceparent text,
    CONSTRAINT events_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'duplicate'::text, 'unmatched'::text])))
);
CREATE VIEW chronos.failures_last_hour AS
 SELECT runs.function_id,
    runs.error_code,
    count(*) AS runs,
    max(runs.finished_at) AS last_at,
    (array_agg(runs.error_message ORDER BY runs.finished_at DESC))[1] AS last_message
   FROM chronos.runs
  WHERE ((runs.status = 'failed'::text) AND (runs.finished_at > (now() - '01:00:00'::interval)))
  GROUP BY runs.function_id, runs.error_code;
COMMENT ON VIEW chronos.failures_last_hour IS 'Failed runs of the last hour by function and class of error.';
CREATE TABLE chronos.forgotten (
    id bigint NOT NULL,
    creator text,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    asked_by text DEFAULT SESSION_USER NOT NULL,
    done_at timestamp with time zone,
    deleted jsonb DEFAULT '{}'::jsonb NOT NULL,
    accounts jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT forgotten_check CHECK (((creator IS NULL) = (done_at IS NOT NULL)))
);
ALTER TABLE chronos.forgotten ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chronos.forgotten_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE chronos.functions (
    id text NOT NULL,
    manifest jsonb NOT NULL,
    version integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    offered_at timestamp with time zone
);
CREATE TABLE chronos.heard_parts (
    video_id uuid NOT NULL,
    key text NOT NULL,
    run_id text NOT NULL,
    segments json NOT NULL,
    language text,
    duration_seconds double precision NOT NULL,
    cost_usd double precision NOT NULL,
    heard_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE VIEW chronos.live_runs AS
 SELECT r.run_id,
    r.function_id,
    e.id AS event_id,
    e.accepted_at
   FROM (chronos.events e
     CROSS JOIN LATERAL UNNEST(e.run_ids, e.function_ids) r(run_id, function_id))
  WHERE ((e.outcome = 'accepted'::text) AND (NOT (EXISTS ( SELECT
           FROM chronos.runs done
          WHERE ((done.id = r.run_id) AND (done.accepted_at = e.accepted_at))))) AND (("left"(r.run_id, 10) = "left"(e.id, 10)) OR (NOT (EXISTS ( SELECT
           FROM chronos.runs done
          WHERE (done.id = r.run_id))))));
CREATE TABLE chronos.meta (
    key text NOT NULL,
    value text
);
CREATE TABLE chronos.outbox (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    name text NOT NULL,
    data json NOT NULL,
    idempotency_key text,
    ts timestamp with time zone,
    "user" json,
    v text,
    function_id text,
    retry_of text,
    replay_of text,
    event_id text,
    stream_id text,
    look_at timestamp with time zone,
    missed boolean DEFAULT false NOT NULL,
    CONSTRAINT outbox_check CHECK (((retry_of IS NULL) OR (function_id IS NOT NULL))),
    CONSTRAINT outbox_check1 CHECK (((replay_of IS NULL) OR (function_id IS NOT NULL))),
    CONSTRAINT outbox_data_check CHECK ((json_typeof(data) = 'object'::text)),
    CONSTRAINT outbox_idempotency_key_check CHECK (((octet_length(idempotency_key) >= 1) AND (octet_length(idempotency_key) <= 512))),
    CONSTRAINT outbox_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 256))),
    CONSTRAINT outbox_name_is_not_the_engines CHECK (((function_id IS NOT NULL) OR (name !~~ 'inngest/%'::text))),
    CONSTRAINT outbox_v_check CHECK (((octet_length(v) >= 1) AND (octet_length(v) <= 256)))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.01');
ALTER TABLE chronos.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chronos.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE chronos.refused_rows (
    id bigint NOT NULL,
    refused_at timestamp with time zone DEFAULT now() NOT NULL,
    query text NOT NULL,
    line bytea NOT NULL,
    reason text NOT NULL
);
ALTER TABLE chronos.refused_rows ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME chronos.refused_rows_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE chronos.rejected_events (
    stream_id text NOT NULL,
    rejected_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    name text,
    excerpt text,
    size_bytes integer
)
PARTITION BY RANGE (rejected_at);
CREATE TABLE chronos.rejected_events_default (
    stream_id text NOT NULL,
    rejected_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    name text,
    excerpt text,
    size_bytes integer
);
CREATE TABLE chronos.run_steps (
    run_id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    step text NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    duration_us bigint,
    result json,
    error_code text,
    error_message text,
    cost_usd numeric(12,6),
    worker text,
    CONSTRAINT run_steps_status_check CHECK ((status = ANY (ARRAY['completed'::text, 'failed'::text, 'sleeping'::text, 'lost'::text])))
)
PARTITION BY RANGE (accepted_at);
CREATE TABLE chronos.run_steps_default (
    run_id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    step text NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    duration_us bigint,
    result json,
    error_code text,
    error_message text,
    cost_usd numeric(12,6),
    worker text,
    CONSTRAINT run_steps_status_check CHECK ((status = ANY (ARRAY['completed'::text, 'failed'::text, 'sleeping'::text, 'lost'::text])))
);
CREATE TABLE chronos.runs_default (
    id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    function_id text NOT NULL,
    event_id text,
    event_name text,
    creator_id text,
    status text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    queued_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error_code text,
    error_message text,
    output json,
    cost_usd numeric(12,6),
    worker text
);
CREATE TABLE chronos.settled_days (
    day date NOT NULL,
    joined date[] NOT NULL,
    settled_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE VIEW chronos.spending_last_hour AS
 SELECT runs.creator_id AS owner,
    sum(runs.cost_usd) AS usd,
    count(*) AS runs
   FROM chronos.runs
  WHERE ((runs.cost_usd > (0)::numeric) AND (runs.finished_at > (now() - '01:00:00'::interval)))
  GROUP BY runs.creator_id;
COMMENT ON VIEW chronos.spending_last_hour IS 'What the runs of an owner that ended in the last hour have cost. The budget itself is kept in Redis, by the minute.';
CREATE TABLE chronos.step_ledger (
    run_id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    step text NOT NULL,
    result json,
    worker text,
    committed_at timestamp with time zone DEFAULT now() NOT NULL
)
PARTITION BY RANGE (accepted_at);
CREATE TABLE chronos.step_ledger_default (
    run_id text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    step text NOT NULL,
    result json,
    worker text,
    committed_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.creators (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    whop_company_id text NOT NULL,
    whop_user_id text NOT NULL,
    email text NOT NULL,
    name text,
    subscription_tier text DEFAULT 'basic'::text NOT NULL,
    settings jsonb DEFAULT '{"ai_model": "claude-3-5-haiku-20241022", "auto_transcribe": true, "default_chunk_size": 800, "notifications_enabled": true}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_login_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT creators_subscription_tier_check CHECK ((subscription_tier = ANY (ARRAY['basic'::text, 'pro'::text, 'enterprise'::text])))
);
CREATE VIEW chronos.stuck_videos AS
 SELECT v.id
   FROM public.videos v
  WHERE ((v.status = ANY (ARRAY['pending'::text, 'uploading'::text, 'transcribing'::text, 'processing'::text, 'embedding'::text])) AND (NOT v.is_deleted) AND (v.updated_at < (now() -
        CASE v.status
            WHEN 'uploading'::text THEN '24:00:00'::interval
            WHEN 'pending'::text THEN '00:30:00'::interval
            ELSE '00:10:00'::interval
        END)) AND ((v.status <> 'pending'::text) OR ((v.created_at > (now() - '7 days'::interval)) AND (NOT (EXISTS ( SELECT
           FROM public.creators c
          WHERE ((c.id = v.creator_id) AND ((c.settings ->> 'auto_transcribe'::text) = 'false'::text))))))) AND (NOT chronos.is_worked_on(v.*)));
CREATE VIEW chronos.top_creators_day AS
 SELECT runs.creator_id,
    count(*) AS runs,
    count(*) FILTER (WHERE (runs.status = 'failed'::text)) AS failed,
    sum(COALESCE(runs.cost_usd, (0)::numeric)) AS usd,
    avg(EXTRACT(epoch FROM (runs.started_at - runs.queued_at))) AS mean_wait_seconds,
    max(EXTRACT(epoch FROM (runs.started_at - runs.queued_at))) AS longest_wait_seconds
   FROM chronos.runs
  WHERE ((runs.accepted_at > (now() - '1 day'::interval)) AND (runs.creator_id IS NOT NULL))
  GROUP BY runs.creator_id;
COMMENT ON VIEW chronos.top_creators_day IS 'What each creator''s events of the last day have become: runs that have ended. Order it and limit it.';
CREATE TABLE chronos.transcripts (
    video_id uuid NOT NULL,
    segments json NOT NULL,
    language text,
    method text,
    duration_seconds double precision,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    text text,
    run_id text,
    cost_usd double precision,
    processing_time_ms bigint
);
CREATE TABLE public.analytics_cache (
    creator_id uuid NOT NULL,
    date_range text NOT NULL,
    data jsonb NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT analytics_cache_date_range_check CHECK ((date_range = ANY (ARRAY['last_7_days'::text, 'last_30_days'::text, 'last_90_days'::text, 'all_time'::text])))
);
ALTER TABLE ONLY public.analytics_cache ALTER COLUMN data SET COMPRESSION lz4;
CREATE TABLE public.bulk_operations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    creator_id uuid NOT NULL,
    operation_type text NOT NULL,
    video_ids uuid[] NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    progress_current integer DEFAULT 0,
    progress_total integer NOT NULL,
    result jsonb,
    created_at timestamp with time zone DEFAULT now(),
    completed_at timestamp with time zone,
    error_message text,
    CONSTRAINT bulk_operations_operation_type_check CHECK ((operation_type = ANY (ARRAY['delete'::text, 'export'::text, 'reprocess'::text]))),
    CONSTRAINT bulk_operations_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'in_progress'::text, 'completed'::text, 'partial'::text, 'failed'::text])))
);
CREATE TABLE public.course_modules (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    course_id uuid NOT NULL,
    title text NOT NULL,
    description text,
    video_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    display_order integer NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.courses (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    creator_id uuid NOT NULL,
    title text NOT NULL,
    description text,
    thumbnail_url text,
    is_published boolean DEFAULT false NOT NULL,
    display_order integer,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    published_at timestamp with time zone,
    is_deleted boolean DEFAULT false NOT NULL
);
CREATE TABLE public.module_lessons (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    module_id uuid,
    video_id uuid,
    lesson_order integer NOT NULL,
    title text NOT NULL,
    description text,
    is_required boolean DEFAULT true,
    estimated_duration_minutes integer,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT module_lessons_estimated_duration_minutes_check CHECK (((estimated_duration_minutes IS NULL) OR (estimated_duration_minutes > 0))),
    CONSTRAINT module_lessons_lesson_order_check CHECK ((lesson_order > 0))
);
CREATE TABLE public.students (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    whop_user_id text NOT NULL,
    whop_membership_id text NOT NULL,
    creator_id uuid NOT NULL,
    email text NOT NULL,
    name text,
    preferences jsonb DEFAULT '{"theme": "dark", "auto_advance": false, "playback_speed": 1.0, "show_timestamps": true}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_active_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL
);
CREATE TABLE public.usage_metrics (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    creator_id uuid NOT NULL,
    date date NOT NULL,
    storage_used_bytes bigint DEFAULT 0 NOT NULL,
    videos_uploaded integer DEFAULT 0 NOT NULL,
    total_video_duration_seconds integer DEFAULT 0 NOT NULL,
    ai_credits_used integer DEFAULT 0 NOT NULL,
    transcription_minutes numeric(10,2) DEFAULT 0 NOT NULL,
    chat_messages_sent integer DEFAULT 0 NOT NULL,
    active_students integer DEFAULT 0 NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.video_analytics (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    video_id uuid NOT NULL,
    date date NOT NULL,
    views integer DEFAULT 0 NOT NULL,
    unique_viewers integer DEFAULT 0 NOT NULL,
    total_watch_time_seconds integer DEFAULT 0 NOT NULL,
    average_watch_time_seconds numeric(10,2),
    completion_rate numeric(5,2),
    ai_interactions integer DEFAULT 0 NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.video_analytics_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    video_id uuid NOT NULL,
    creator_id uuid NOT NULL,
    student_id uuid,
    course_id uuid,
    module_id uuid,
    metadata jsonb DEFAULT '{}'::jsonb,
    "timestamp" timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT video_analytics_events_event_type_check CHECK ((event_type = ANY (ARRAY['video_imported'::text, 'video_transcribed'::text, 'video_embedded'::text, 'video_added_to_course'::text, 'video_started'::text, 'video_progress'::text, 'video_completed'::text, 'video_rewatched'::text])))
);
CREATE TABLE public.video_chunks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    video_id uuid NOT NULL,
    chunk_index integer NOT NULL,
    chunk_text text NOT NULL,
    embedding real[],
    start_time_seconds integer NOT NULL,
    end_time_seconds integer NOT NULL,
    word_count integer NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    embedding_norm double precision GENERATED ALWAYS AS (chronos.vector_length(embedding)) STORED,
    CONSTRAINT video_chunks_embedding_valid CHECK (((array_ndims(embedding) = 1) AND (array_lower(embedding, 1) = 1) AND (cardinality(embedding) = 1536) AND (array_position(embedding, NULL::real) IS NULL) AND (array_position(embedding, 'NaN'::real) IS NULL) AND (array_position(embedding, 'Infinity'::real) IS NULL) AND (array_position(embedding, '-Infinity'::real) IS NULL)))
)
WITH (parallel_workers='2');
ALTER TABLE ONLY public.video_chunks ALTER COLUMN embedding SET STORAGE EXTERNAL;
CREATE TABLE public.video_watch_sessions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    video_id uuid NOT NULL,
    student_id uuid NOT NULL,
    session_start timestamp with time zone DEFAULT now() NOT NULL,
    session_end timestamp with time zone,
    watch_time_seconds integer DEFAULT 0,
    percent_complete integer DEFAULT 0,
    completed boolean DEFAULT false,
    device_type text,
    referrer_type text,
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT video_watch_sessions_check CHECK (((session_end IS NULL) OR (session_end >= session_start))),
    CONSTRAINT video_watch_sessions_device_type_check CHECK (((device_type IS NULL) OR (device_type = ANY (ARRAY['desktop'::text, 'mobile'::text, 'tablet'::text])))),
    CONSTRAINT video_watch_sessions_percent_complete_check CHECK (((percent_complete >= 0) AND (percent_complete <= 100))),
    CONSTRAINT video_watch_sessions_referrer_type_check CHECK (((referrer_type IS NULL) OR (referrer_type = ANY (ARRAY['course_page'::text, 'direct_link'::text, 'search'::text, 'chat_reference'::text])))),
    CONSTRAINT video_watch_sessions_watch_time_seconds_check CHECK ((watch_time_seconds >= 0))
);
ALTER TABLE ONLY chronos.events ATTACH PARTITION chronos.events_default DEFAULT;
ALTER TABLE ONLY chronos.rejected_events ATTACH PARTITION chronos.rejected_events_default DEFAULT;
ALTER TABLE ONLY chronos.run_steps ATTACH PARTITION chronos.run_steps_default DEFAULT;
ALTER TABLE ONLY chronos.runs ATTACH PARTITION chronos.runs_default DEFAULT;
ALTER TABLE ONLY chronos.step_ledger ATTACH PARTITION chronos.step_ledger_default DEFAULT;
ALTER TABLE ONLY chronos.archive_cursor
    ADD CONSTRAINT archive_cursor_pkey PRIMARY KEY (partition);
ALTER TABLE ONLY chronos.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.controls
    ADD CONSTRAINT controls_pkey PRIMARY KEY (kind, name);
ALTER TABLE ONLY chronos.deleted_files
    ADD CONSTRAINT deleted_files_pkey PRIMARY KEY (bucket, path);
ALTER TABLE ONLY chronos.event_seeds
    ADD CONSTRAINT event_seeds_pkey PRIMARY KEY (seed);
ALTER TABLE ONLY chronos.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id, accepted_at);
ALTER TABLE ONLY chronos.events_default
    ADD CONSTRAINT events_default_pkey PRIMARY KEY (id, accepted_at);
ALTER TABLE ONLY chronos.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.functions
    ADD CONSTRAINT functions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.heard_parts
    ADD CONSTRAINT heard_parts_pkey PRIMARY KEY (video_id, key);
ALTER TABLE ONLY chronos.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY chronos.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.refused_rows
    ADD CONSTRAINT refused_rows_pkey PRIMARY KEY (id);
ALTER TABLE ONLY chronos.rejected_events
    ADD CONSTRAINT rejected_events_pkey PRIMARY KEY (stream_id, rejected_at);
ALTER TABLE ONLY chronos.rejected_events_default
    ADD CONSTRAINT rejected_events_default_pkey PRIMARY KEY (stream_id, rejected_at);
ALTER TABLE ONLY chronos.run_steps
    ADD CONSTRAINT run_steps_pkey PRIMARY KEY (run_id, step, attempt, accepted_at);
ALTER TABLE ONLY chronos.run_steps_default
    ADD CONSTRAINT run_steps_default_pkey PRIMARY KEY (run_id, step, attempt, accepted_at);
ALTER TABLE ONLY chronos.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id, accepted_at);
ALTER TABLE ONLY chronos.runs_default
    ADD CONSTRAINT runs_default_pkey PRIMARY KEY (id, accepted_at);
ALTER TABLE chronos.runs
    ADD CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'skipped'::text]))) NOT VALID;
ALTER TABLE ONLY chronos.settled_days
    ADD CONSTRAINT settled_days_pkey PRIMARY KEY (day);
ALTER TABLE ONLY chronos.step_ledger
    ADD CONSTRAINT step_ledger_pkey PRIMARY KEY (run_id, step, accepted_at);
ALTER TABLE ONLY chronos.step_ledger_default
    ADD CONSTRAINT step_ledger_default_pkey PRIMARY KEY (run_id, step, accepted_at);
ALTER TABLE ONLY chronos.transcripts
    ADD CONSTRAINT transcripts_pkey PRIMARY KEY (video_id);
ALTER TABLE ONLY public.analytics_cache
    ADD CONSTRAINT analytics_cache_pkey PRIMARY KEY (creator_id, date_range);
ALTER TABLE ONLY public.bulk_operations
    ADD CONSTRAINT bulk_operations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.course_modules
    ADD CONSTRAINT course_modules_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.creators
    ADD CONSTRAINT creators_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.creators
    ADD CONSTRAINT creators_whop_company_id_key UNIQUE (whop_company_id);
ALTER TABLE ONLY public.module_lessons
    ADD CONSTRAINT module_lessons_module_id_video_id_key UNIQUE (module_id, video_id);
ALTER TABLE ONLY public.module_lessons
    ADD CONSTRAINT module_lessons_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_whop_user_id_key UNIQUE (whop_user_id);
ALTER TABLE ONLY public.usage_metrics
    ADD CONSTRAINT unique_creator_date UNIQUE (creator_id, date);
ALTER TABLE ONLY public.usage_metrics
    ADD CONSTRAINT usage_metrics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.video_analytics
    ADD CONSTRAINT video_analytics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.video_analytics
    ADD CONSTRAINT video_analytics_video_id_date_key UNIQUE (video_id, date);
ALTER TABLE ONLY public.video_chunks
    ADD CONSTRAINT video_chunks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.video_watch_sessions
    ADD CONSTRAINT video_watch_sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.videos
    ADD CONSTRAINT videos_pkey PRIMARY KEY (id);
CREATE INDEX audit_target ON chronos.audit USING btree (target, id);
CREATE INDEX commands_open ON chronos.commands USING btree (id) WHERE (applied_at IS NULL);
CREATE INDEX deleted_files_operation ON chronos.deleted_files USING btree (operation_id, deleted_at);
CREATE INDEX event_seeds_at ON chronos.event_seeds USING btree (at);
CREATE INDEX events_idempotency_key ON ONLY chronos.events USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX events_default_idempotency_key_idx ON chronos.events_default USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX events_name ON ONLY chronos.events USING btree (name, accepted_at);
CREATE INDEX events_default_name_accepted_at_idx ON chronos.events_default USING btree (name, accepted_at);
CREATE INDEX events_retry_of ON ONLY chronos.events USING btree (retry_of) WHERE (retry_of IS NOT NULL);
CREATE INDEX events_default_retry_of_idx ON chronos.events_default USING btree (retry_of) WHERE (retry_of IS NOT NULL);
CREATE UNIQUE INDEX forgotten_open ON chronos.forgotten USING btree (creator) WHERE (creator IS NOT NULL);
CREATE INDEX outbox_retry_of ON chronos.outbox USING btree (retry_of) WHERE (retry_of IS NOT NULL);
CREATE INDEX outbox_sent ON chronos.outbox USING btree (look_at) WHERE (event_id IS NOT NULL);
CREATE INDEX outbox_unsent ON chronos.outbox USING btree (id) WHERE (event_id IS NULL);
CREATE UNIQUE INDEX refused_rows_line ON chronos.refused_rows USING btree (query, md5(line));
CREATE INDEX runs_creator ON ONLY chronos.runs USING btree (creator_id, finished_at);
CREATE INDEX runs_default_creator_id_finished_at_idx ON chronos.runs_default USING btree (creator_id, finished_at);
CREATE INDEX runs_failed ON ONLY chronos.runs USING btree (finished_at) WHERE (status = 'failed'::text);
CREATE INDEX runs_default_finished_at_idx ON chronos.runs_default USING btree (finished_at) WHERE (status = 'failed'::text);
CREATE INDEX runs_paid ON ONLY chronos.runs USING btree (finished_at) WHERE (cost_usd > (0)::numeric);
CREATE INDEX runs_default_finished_at_idx1 ON chronos.runs_default USING btree (finished_at) WHERE (cost_usd > (0)::numeric);
CREATE INDEX runs_function ON ONLY chronos.runs USING btree (function_id, finished_at);
CREATE INDEX runs_default_function_id_finished_at_idx ON chronos.runs_default USING btree (function_id, finished_at);
CREATE INDEX runs_not_completed ON ONLY chronos.runs USING btree (id) WHERE (status <> 'completed'::text);
CREATE INDEX runs_default_id_idx ON chronos.runs_default USING btree (id) WHERE (status <> 'completed'::text);
CREATE INDEX idx_analytics_cache_computed_at ON public.analytics_cache USING btree (creator_id, computed_at DESC);
CREATE INDEX idx_bulk_operations_creator ON public.bulk_operations USING btree (creator_id, created_at DESC);
CREATE INDEX idx_bulk_operations_status ON public.bulk_operations USING btree (status, created_at DESC);
CREATE INDEX idx_course_modules_course_id ON public.course_modules USING btree (course_id);
CREATE INDEX idx_course_modules_video_ids ON public.course_modules USING gin (video_ids);
CREATE INDEX idx_courses_creator_id ON public.courses USING btree (creator_id);
CREATE INDEX idx_creators_whop_user_id ON public.creators USING btree (whop_user_id);
CREATE INDEX idx_module_lessons_video_id ON public.module_lessons USING btree (video_id);
CREATE INDEX idx_students_creator_id ON public.students USING btree (creator_id);
CREATE INDEX idx_usage_metrics_date ON public.usage_metrics USING btree (date DESC);
CREATE INDEX idx_video_analytics_course_metrics ON public.video_analytics_events USING btree (course_id, event_type, "timestamp" DESC) WHERE (course_id IS NOT NULL);
CREATE INDEX idx_video_analytics_date ON public.video_analytics USING btree (date DESC);
CREATE INDEX idx_video_analytics_event_type ON public.video_analytics_events USING btree (event_type);
CREATE INDEX idx_video_analytics_events_creator_created ON public.video_analytics_events USING btree (creator_id, created_at);
CREATE INDEX idx_video_analytics_events_outcomes ON public.video_analytics_events USING btree (creator_id, created_at) WHERE (event_type = ANY (ARRAY['video_completed'::text, 'video_transcribed'::text]));
CREATE INDEX idx_video_analytics_events_starts ON public.video_analytics_events USING btree (creator_id, created_at) INCLUDE (video_id, student_id) WHERE (event_type = 'video_started'::text);
CREATE INDEX idx_video_analytics_events_video_id ON public.video_analytics_events USING btree (video_id);
CREATE INDEX idx_video_analytics_student_id ON public.video_analytics_events USING btree (student_id) WHERE (student_id IS NOT NULL);
CREATE INDEX idx_video_analytics_student_progress ON public.video_analytics_events USING btree (student_id, video_id, event_type, "timestamp" DESC) WHERE (student_id IS NOT NULL);
CREATE INDEX idx_video_analytics_timestamp ON public.video_analytics_events USING btree ("timestamp" DESC);
CREATE INDEX idx_video_chunks_video_id ON public.video_chunks USING btree (video_id);
CREATE INDEX idx_video_chunks_video_id_index ON public.video_chunks USING btree (video_id, chunk_index);
CREATE INDEX idx_videos_created_at ON public.videos USING btree (created_at DESC);
CREATE INDEX idx_videos_creator_id ON public.videos USING btree (creator_id);
CREATE INDEX idx_videos_embed_id ON public.videos USING btree (embed_id) WHERE (embed_id IS NOT NULL);
CREATE INDEX idx_videos_embed_type ON public.videos USING btree (embed_type) WHERE (embed_type IS NOT NULL);
CREATE INDEX idx_videos_is_deleted ON public.videos USING btree (is_deleted) WHERE (is_deleted = false);
CREATE INDEX idx_videos_mux_asset_id ON public.videos USING btree (mux_asset_id) WHERE (mux_asset_id IS NOT NULL);
CREATE INDEX idx_videos_mux_playback_id ON public.videos USING btree (mux_playback_id) WHERE (mux_playback_id IS NOT NULL);
CREATE INDEX idx_videos_source_type ON public.videos USING btree (source_type);
CREATE INDEX idx_videos_status ON public.videos USING btree (status);
CREATE INDEX idx_videos_status_created ON public.videos USING btree (status, created_at) WHERE (status = ANY (ARRAY['pending'::text, 'uploading'::text, 'failed'::text]));
CREATE INDEX idx_videos_storage_path ON public.videos USING btree (storage_path) WHERE (storage_path IS NOT NULL);
CREATE INDEX idx_videos_whop_lesson_id ON public.videos USING btree (whop_lesson_id) WHERE (whop_lesson_id IS NOT NULL);
CREATE INDEX idx_videos_youtube_video_id ON public.videos USING btree (youtube_video_id) WHERE (youtube_video_id IS NOT NULL);
CREATE INDEX idx_watch_sessions_student_id ON public.video_watch_sessions USING btree (student_id);
CREATE INDEX idx_watch_sessions_video_id ON public.video_watch_sessions USING btree (video_id);
ALTER INDEX chronos.events_idempotency_key ATTACH PARTITION chronos.events_default_idempotency_key_idx;
ALTER INDEX chronos.events_name ATTACH PARTITION chronos.events_default_name_accepted_at_idx;
ALTER INDEX chronos.events_pkey ATTACH PARTITION chronos.events_default_pkey;
ALTER INDEX chronos.events_retry_of ATTACH PARTITION chronos.events_default_retry_of_idx;
ALTER INDEX chronos.rejected_events_pkey ATTACH PARTITION chronos.rejected_events_default_pkey;
ALTER INDEX chronos.run_steps_pkey ATTACH PARTITION chronos.run_steps_default_pkey;
ALTER INDEX chronos.runs_creator ATTACH PARTITION chronos.runs_default_creator_id_finished_at_idx;
ALTER INDEX chronos.runs_failed ATTACH PARTITION chronos.runs_default_finished_at_idx;
ALTER INDEX chronos.runs_paid ATTACH PARTITION chronos.runs_default_finished_at_idx1;
ALTER INDEX chronos.runs_function ATTACH PARTITION chronos.runs_default_function_id_finished_at_idx;
ALTER INDEX chronos.runs_not_completed ATTACH PARTITION chronos.runs_default_id_idx;
ALTER INDEX chronos.runs_pkey ATTACH PARTITION chronos.runs_default_pkey;
ALTER INDEX chronos.step_ledger_pkey ATTACH PARTITION chronos.step_ledger_default_pkey;
CREATE TRIGGER commands_notify AFTER INSERT ON chronos.commands FOR EACH STATEMENT EXECUTE FUNCTION chronos.notify_of_change('chronos_commands');
CREATE TRIGGER controls_notify AFTER INSERT OR UPDATE ON chronos.controls FOR EACH STATEMENT EXECUTE FUNCTION chronos.notify_of_change('chronos_controls');
CREATE TRIGGER outbox_notify AFTER INSERT ON chronos.outbox FOR EACH STATEMENT EXECUTE FUNCTION chronos.notify_of_change('chronos_outbox');
CREATE TRIGGER complete_watch_session BEFORE INSERT OR UPDATE ON public.video_watch_sessions FOR EACH ROW EXECUTE FUNCTION chronos.complete_watch_session();
CREATE TRIGGER update_course_modules_updated_at BEFORE UPDATE ON public.course_modules FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_courses_updated_at BEFORE UPDATE ON public.courses FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_creators_updated_at BEFORE UPDATE ON public.creators FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_module_lessons_updated_at BEFORE UPDATE ON public.module_lessons FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_students_updated_at BEFORE UPDATE ON public.students FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_usage_metrics_updated_at BEFORE UPDATE ON public.usage_metrics FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_video_analytics_updated_at BEFORE UPDATE ON public.video_analytics FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_video_watch_sessions_updated_at BEFORE UPDATE ON public.video_watch_sessions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_videos_updated_at BEFORE UPDATE ON public.videos FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
ALTER TABLE ONLY chronos.heard_parts
    ADD CONSTRAINT heard_parts_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY chronos.transcripts
    ADD CONSTRAINT transcripts_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.analytics_cache
    ADD CONSTRAINT analytics_cache_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.bulk_operations
    ADD CONSTRAINT bulk_operations_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.course_modules
    ADD CONSTRAINT course_modules_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.module_lessons
    ADD CONSTRAINT module_lessons_module_id_fkey FOREIGN KEY (module_id) REFERENCES public.course_modules(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.module_lessons
    ADD CONSTRAINT module_lessons_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.usage_metrics
    ADD CONSTRAINT usage_metrics_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_module_id_fkey FOREIGN KEY (module_id) REFERENCES public.course_modules(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_analytics_events
    ADD CONSTRAINT video_analytics_events_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_analytics
    ADD CONSTRAINT video_analytics_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_chunks
    ADD CONSTRAINT video_chunks_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_watch_sessions
    ADD CONSTRAINT video_watch_sessions_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.video_watch_sessions
    ADD CONSTRAINT video_watch_sessions_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.videos(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.videos
    ADD CONSTRAINT videos_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.creators(id) ON DELETE CASCADE;
