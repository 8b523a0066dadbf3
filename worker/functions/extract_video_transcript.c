/* extract_video_transcript.c: fetches the transcript of a video from wherever it lives, and hands the video on to
 * chunks and embeddings.
 *
 * Triggered by video/transcript.extract {videoId, creatorId, source?, language?}. The videos row says where the video
 * lives; a source in the event is a cross-check. YouTube, Loom and Mux captions are free; uploaded files, and Mux
 * videos without captions, go to speech recognition and cost money.
 *
 * The transcript itself never travels in step results: extract-transcript leaves it in chronos.transcripts, and
 * save-transcript moves it into the video. An uploaded file is downloaded inside extract-transcript: a file on one
 * worker's disk is no use as the result of a step that another worker may follow. What speech recognition has answered for a
 * part of it is kept in chronos.heard_parts until the whole is published. */
#include <string.h>

#include <math.h>

#include "function.h"
#include "transcribe.h"
#include "usd.h"
#include "video.h"

enum { UNKNOWN_DURATION_SECONDS = 600, EXTRACT_TIMEOUT_MS = 60 * 60 * 1000 };

/* Only reads. */
static json_t *fetch_video_record(struct step *s)
{
    auto_video v = {0};
    const char *language;
    if (!video_of_step(s, &v) || !video_check_source(&v, s->data, &s->err) ||
        !transcribe_language(s->data, &language, &s->err))
        return step_error(s);
    char url[1024];
    return js_pack("{s:s, s:s, s:s, s:i, s:s?}", "title", v.title, "source",
                   video_source_name(v.source), "status", v.status, "duration_seconds",
                   v.duration_seconds, "source_url",
                   video_public_url(&v, url, sizeof(url)) ? url : NULL);
}

/* Only for the log and the console: nothing is decided by it. */
static json_t *estimate_cost(struct step *s)
{
    const json_t *video = step_result(s, "fetch-video-record");
    const char *source = js_str(video, "source");
    double seconds = js_num(video, "duration_seconds", 0);
    if (seconds <= 0)
        seconds = UNKNOWN_DURATION_SECONDS;
    bool paid = source != NULL && strcmp(source, video_source_name(SOURCE_UPLOAD)) == 0;
    double usd = paid ? usd_round(seconds / 60 * s->services->transcribe_usd_per_minute) : 0;
    char text[32] = "FREE", method[32] = "whisper";
    if (paid)
        (void)snprintf(text, sizeof(text), "$%.4f", usd);
    else
        (void)snprintf(method, sizeof(method), "%s_api", source);
    step_log(s, "estimated cost %s by %s", text, method);
    return js_pack("{s:f, s:s, s:s}", "cost_usd", usd, "text", text, "method", method);
}

static json_t *update_status_transcribing(struct step *s)
{
    struct video_ids ids;
    bool touched;
    if (!video_ids(s->data, &ids, &s->err) || !VIDEO_UPDATE(s->db, &s->err, &touched, "claim_video",
                                                            ids.video, "transcribing", s->run_id))
        return step_error(s);
    if (!touched)
        return step_fail_for_good(s, "video %s was deleted", ids.video);
    return step_ok();
}

/* ---- the transcript ---- */

static json_t *pack_extracted(struct step *s, const char *method, double duration_seconds,
                              double cost_usd, const char *language, const char *text,
                              size_t segments, int64_t took_ms)
{
    return js_pack("{s:s, s:f, s:f, s:s, s:I, s:I, s:I}", "method", method, "duration_seconds",
                   duration_seconds, "cost_usd", cost_usd, "language", language,
                   "transcript_length", (json_int_t)utf16_length(text), "segment_count",
                   (json_int_t)segments, "processing_time_ms", (json_int_t)took_ms);
}

/* This run asked before and was interrupted between the answer and its commit. *ret NULL: it was not. */
static bool find_extracted(struct step *s, const char *video_id, json_t **ret)
{
    auto_result *r = DB_QUERY(s->db, &s->err, "transcript_of_run", video_id, s->run_id);
    if (r == NULL)
        return false;
    *ret = NULL;
    if (PQntuples(r) == 0)
        return true;
    step_log(s, "the transcript was fetched by an earlier attempt");
    double cost_usd = strtod(db_text(r, 0, "cost_usd"), NULL);
    step_cost(s,
              cost_usd -
                  step_spent(s)); /* that attempt has accounted for nothing, those before it have */
    *ret = pack_extracted(
        s, db_text(r, 0, "method"), strtod(db_text(r, 0, "duration_seconds"), NULL), cost_usd,
        db_text(r, 0, "language"), db_text(r, 0, "text"), (size_t)db_int(r, 0, "segment_count", 0),
        db_int(r, 0, "processing_time_ms", 0));
    return true;
}

/* A video that was deleted meanwhile keeps no transcript, but what it cost is accounted for: that is no failure. */
static bool store_extracted(struct step *s, const struct video *v, const struct transcript *t,
                            int64_t took_ms)
{
    char duration[32], cost[32], took[32];
    (void)snprintf(duration, sizeof(duration), "%.17g", t->duration_seconds);
    (void)snprintf(cost, sizeof(cost), "%.17g", t->cost_usd);
    (void)snprintf(took, sizeof(took), "%lld", (long long)took_ms);
    auto_json *segments = captions_to_json(&t->captions);
    auto_free char *segments_text = js_dump(segments, NULL);
    bool stored;
    if (!VIDEO_UPDATE(s->db, &s->err, &stored, "save_transcript_of_run", v->id, s->run_id, t->text,
                      segments_text, t->language, t->method, duration, cost, took))
        return false;
    if (!stored)
        step_log(s, "the video was deleted meanwhile");
    return true;
}

static bool is_cancelled(void *arg)
{
    return step_is_cancelled(arg);
}

static json_t *fetch_and_store(struct step *s, const struct video *v)
{
    struct heard heard = {
        .db = s->db, .video_id = v->id, .run_id = s->run_id, .spent_usd = step_spent(s)};
    struct transcriber with = {.http = s->http,
                               .services = s->services,
                               .heard = &heard,
                               .is_cancelled = is_cancelled,
                               .arg = s};
    struct transcript t;
    int64_t took_ms;
    if (!transcribe_language(s->data, &with.language, &s->err) ||
        !transcribe_video(&with, v, &t, &took_ms, &s->err))
        return step_error(s);
    step_cost(s, t.due_usd);
    json_t *result = store_extracted(s, v, &t, took_ms)
                         ? pack_extracted(s, t.method, t.duration_seconds, t.cost_usd, t.language,
                                          t.text, t.captions.len, took_ms)
                         : step_error(s);
    transcript_release(&t);
    return result;
}

/* Running twice is harmless: the second time finds the row of the first, or writes the same one over it. */
static json_t *extract_transcript(struct step *s)
{
    struct video_ids ids;
    json_t *found;
    if (!video_ids(s->data, &ids, &s->err) || !find_extracted(s, ids.video, &found))
        return step_error(s);
    if (found != NULL)
        return found;
    auto_video v = {0};
    return video_of_step(s, &v) ? fetch_and_store(s, &v) : step_error(s);
}

static json_t *save_transcript(struct step *s)
{
    const json_t *done = step_result(s, "extract-transcript");
    auto_json *metadata =
        js_pack("{s:s, s:f, s:I}", "transcript_method", js_str(done, "method"), "transcript_cost",
                js_num(done, "cost_usd", 0), "processing_time_ms",
                (json_int_t)js_int(done, "processing_time_ms", 0));
    const json_t *url = js_get(step_result(s, "fetch-video-record"), "source_url");
    if (url != NULL)
        (void)json_object_set(metadata, "source_url", (json_t *)url);
    auto_free char *text = js_dump(metadata, NULL);
    struct video_ids ids;
    bool touched;
    if (!video_ids(s->data, &ids, &s->err) ||
        !VIDEO_UPDATE(s->db, &s->err, &touched, "publish_transcript", ids.video, s->run_id, text))
        return step_error(s);
    if (touched && !DB_EXEC(s->db, &s->err, "drop_heard_parts_of_video", ids.video))
        return step_error(s);
    if (!touched)
        step_log(s, "a newer extraction has taken the video over, or it was deleted");
    return js_pack("{s:b}", "superseded", !touched);
}

/* ---- afterwards ---- */

static bool is_superseded(struct step *s)
{
    return js_bool(step_result(s, "save-transcript"), "superseded", false);
}

static json_t *log_analytics_event(struct step *s)
{
    if (is_superseded(s))
        return step_ok(); /* the other run, if any, reports the transcript that counts */
    const json_t *done = step_result(s, "extract-transcript");
    auto_json *metadata =
        js_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:I}", "source_type",
                js_str(step_result(s, "fetch-video-record"), "source"), "transcript_method",
                js_str(done, "method"), "duration_seconds", js_num(done, "duration_seconds", 0),
                "cost_usd", js_num(done, "cost_usd", 0), "processing_time_ms",
                (json_int_t)js_int(done, "processing_time_ms", 0), "transcript_length",
                (json_int_t)js_int(done, "transcript_length", 0), "segment_count",
                (json_int_t)js_int(done, "segment_count", 0));
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err) ||
        !video_log_event(s->db, &ids, "video_transcribed", metadata, &s->err))
        return step_error(s);
    return step_ok();
}

/* Also for a superseded run: its money is spent. */
static json_t *update_usage_metrics(struct step *s)
{
    const json_t *done = step_result(s, "extract-transcript");
    /* attempts that failed had their price, too */
    double cost = fmax(step_bill(s), js_num(done, "cost_usd", 0)),
           minutes = js_num(done, "duration_seconds", 0) / 60;
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    auto_json *entry =
        js_pack("{s:s, s:s, s:f, s:f}", "video_id", ids.video, "method", js_str(done, "method"),
                "cost_usd", cost, "duration_minutes", minutes);
    if (!video_add_usage(s->db, ids.creator, cost, minutes, "transcript_costs", entry, &s->err))
        return step_error(s);
    return js_pack("{s:f, s:i}", "transcription_minutes", minutes, "ai_credits_used",
                   (int)cost_credits(cost));
}

/* Running twice is harmless: the event leaves with the commit of this step. The text is not in it: the next function
 * reads it from the video. */
static json_t *trigger_embedding(struct step *s)
{
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    if (!is_superseded(s))
        step_send(s, "video/transcription.completed",
                  js_pack("{s:s, s:s, s:s, s:s}", "videoId", ids.video, "video_id", ids.video,
                          "creatorId", ids.creator, "creator_id", ids.creator));
    const json_t *done = step_result(s, "extract-transcript");
    return step_finish(
        s, js_pack("{s:b, s:s, s:s, s:f, s:f, s:I, s:I, s:b}", "success", true, "video_id",
                   ids.video, "method", js_str(done, "method"), "duration_seconds",
                   js_num(done, "duration_seconds", 0), "cost_usd", js_num(done, "cost_usd", 0),
                   "transcript_length", (json_int_t)js_int(done, "transcript_length", 0),
                   "processing_time_ms", (json_int_t)js_int(done, "processing_time_ms", 0),
                   "superseded", is_superseded(s)));
}

static const struct step_def steps[] = {
    {"fetch-video-record", fetch_video_record, .tx = false},
    {"estimate-cost", estimate_cost, .tx = false},
    {"update-status-transcribing", update_status_transcribing, .tx = true},
    {"extract-transcript", extract_transcript, .paid = true, .timeout_ms = EXTRACT_TIMEOUT_MS},
    {"save-transcript", save_transcript, .tx = true},
    {"log-analytics-event", log_analytics_event, .tx = true},
    {"update-usage-metrics", update_usage_metrics, .tx = true},
    {"trigger-embedding", trigger_embedding, .tx = false},
    {0},
};

const struct function fn_extract_video_transcript = {
    .id = "extract-video-transcript",
    .name = "Extract Video Transcript",
    .version = 1,
    .on_event = {"video/transcript.extract"},
    .retries = 2,
    .limits = {{.key = "data.creatorId", .max = 20},
               {.key = "data.creatorId", .shared = "creator", .max = 20},
               {.shared = "global", .max = 100}},
    .steps = steps,
};
