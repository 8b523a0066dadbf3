/* generate_video_embeddings.c: cuts a transcript into overlapping chunks and gives each a vector, so that the video can
 * be searched.
 *
 * Triggered by video/transcription.completed {videoId, creatorId, transcript?, skipIfExists?}. A text that comes with
 * the event is preferred to the video's own. Work that is done already is not done again unless skipIfExists is false.
 *
 * Chunks and vectors go straight to Postgres; step results are counts. Each batch of vectors is a step of its own, so a
 * crash loses one batch at most. Of two runs on the same video the one that began last wins: the other notices that the
 * video is no longer its own, leaves it alone and only accounts for what it spent. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "chunker.h"
#include "function.h"
#include "hash_embedder.h"
#include "usd.h"
#include "vectors.h"
#include "video.h"

/* ---- the text and its chunks ---- */

struct cut {
    struct chunks chunks;
    char hash[40];
    bool timed;
};

static void cut_release(struct cut *c)
{
    chunks_release(&c->chunks);
}
#define auto_cut CLEANUP(cut_release) struct cut

/* The event's text if it holds a word; NULL = take the video's. */
static const char *text_of_event(const struct step *s)
{
    const char *text = js_str(s->data, "transcript");
    return text != NULL && count_words(text) > 0 ? text : NULL;
}

static bool cut_with_times(const char *segments, struct chunks *ret, struct err *e)
{
    struct captions captions = {0};
    auto_json *json = js_parse(segments, strlen(segments), e);
    bool ok = json != NULL && captions_from_json(json, &captions, e) &&
              chunk_captions(&captions, &chunk_defaults, ret, e);
    captions_release(&captions);
    return ok;
}

static bool cut_text(struct step *s, const char *video_id, struct cut *ret)
{
    auto_result *r = DB_QUERY(s->db, &s->err, "video_text", video_id, text_of_event(s));
    if (r == NULL)
        return false;
    const char *text = PQntuples(r) > 0 ? db_text(r, 0, "text") : NULL;
    if (text == NULL || count_words(text) == 0)
        return err_set(&s->err, ERR_PERMANENT, "the video has no transcript to make chunks from");
    (void)snprintf(ret->hash, sizeof(ret->hash), "%s", db_text(r, 0, "text_hash"));
    const char *segments = db_text(r, 0, "segments");
    ret->timed =
        segments != NULL && cut_with_times(segments, &ret->chunks, &s->err) && ret->chunks.len > 0;
    if (ret->timed)
        return true;
    chunks_release(&ret->chunks);
    return chunk_text(text, (double)db_int(r, 0, "duration_seconds", 0), &chunk_defaults,
                      &ret->chunks, &s->err);
}

/* Whole seconds that hold the whole chunk. */
static int seconds(double x)
{
    return x > 0 ? x < INT_MAX ? (int)x : INT_MAX : 0;
}

static json_t *chunk_to_json(const struct chunk *c, size_t index, const char *hash)
{
    json_t *metadata =
        js_pack("{s:b, s:i, s:s}", "has_overlap", c->overlap_word_count > 0,
                "original_segment_count", c->sentence_count, "transcript_hash", hash);
    if (c->overlap_word_count > 0)
        (void)json_object_set_new(metadata, "overlap_word_count",
                                  json_integer(c->overlap_word_count));
    int start = seconds(floor(c->start_seconds)), end = seconds(ceil(c->end_seconds));
    return js_pack("{s:I, s:s, s:i, s:i, s:i, s:o}", "chunk_index", (json_int_t)index, "chunk_text",
                   c->text, "start_time_seconds", start, "end_time_seconds",
                   end > start ? end : start, "word_count", c->word_count, "metadata", metadata);
}

/* ---- steps ---- */

/* Vectors of the development embedder and of a model cannot be searched together. */
static bool is_same_kind(const char *model, const struct services *svc)
{
    const char *wanted = vectors_model(svc);
    return model == NULL ||
           (strcmp(model, HASH_EMBEDDER_MODEL) == 0) == (strcmp(wanted, HASH_EMBEDDER_MODEL) == 0);
}

/* True when all chunks of this very text have vectors; *ret_chunks how many there are. */
static bool find_done(struct step *s, const char *video_id, bool *ret_done, long long *ret_chunks)
{
    auto_result *t = DB_QUERY(s->db, &s->err, "video_text", video_id, text_of_event(s));
    const char *hash = t != NULL && PQntuples(t) > 0 ? db_text(t, 0, "text_hash") : NULL;
    auto_result *c = t != NULL ? DB_QUERY(s->db, &s->err, "count_chunks", video_id, hash) : NULL;
    if (c == NULL)
        return false;
    *ret_chunks = db_int(c, 0, "chunks", 0);
    *ret_done = hash != NULL && *ret_chunks > 0 && db_int(c, 0, "matching", 0) == *ret_chunks &&
                is_same_kind(db_text(c, 0, "model"), s->services);
    return true;
}

static json_t *validate_video(struct step *s)
{
    auto_video v = {0};
    bool done = false, touched;
    long long chunks = 0;
    if (!video_of_step(s, &v))
        return step_error(s);
    if (js_bool(s->data, "skipIfExists", true) && !find_done(s, v.id, &done, &chunks))
        return step_error(s);
    if (!done)
        return js_pack("{s:s, s:s}", "title", v.title, "status", v.status);
    /* a transcript that was extracted anew and is the same left the video at `processing` */
    if (!VIDEO_UPDATE(s->db, &s->err, &touched, "finish_video_unchanged", v.id))
        return step_error(s);
    return step_finish(s, js_pack("{s:b, s:b, s:s, s:s, s:I}", "success", true, "skipped", true,
                                  "reason", "all chunks of this transcript have embeddings",
                                  "video_id", v.id, "chunks", (json_int_t)chunks));
}

static json_t *update_status_processing(struct step *s)
{
    struct video_ids ids;
    bool touched;
    if (!video_ids(s->data, &ids, &s->err) ||
        !VIDEO_UPDATE(s->db, &s->err, &touched, "claim_video", ids.video, "processing", s->run_id))
        return step_error(s);
    if (!touched)
        return step_fail_for_good(s, "video %s was deleted", ids.video);
    return step_ok();
}

static json_t *chunk_statistics(const struct cut *cut)
{
    const struct chunks *c = &cut->chunks;
    long total = 0, overlapping = 0;
    int least = INT_MAX, most = 0;
    for (size_t i = 0; i < c->len; i++) {
        int words = c->items[i].word_count;
        total += words;
        overlapping += c->items[i].overlap_word_count > 0;
        least = words < least ? words : least;
        most = words > most ? words : most;
    }
    return js_pack("{s:I, s:I, s:I, s:i, s:i, s:f, s:I, s:b}", "total_chunks", (json_int_t)c->len,
                   "total_words", (json_int_t)total, "avg_words",
                   (json_int_t)floor((double)total / (double)c->len + 0.5), "min_words", least,
                   "max_words", most, "total_duration_seconds", c->items[c->len - 1].end_seconds,
                   "chunks_with_overlap", (json_int_t)overlapping, "timed", cut->timed);
}

/* Only reads and computes: the chunks themselves are made again where they are stored. */
static json_t *chunk_transcript(struct step *s)
{
    struct video_ids ids;
    auto_cut cut = {0};
    if (!video_ids(s->data, &ids, &s->err) || !cut_text(s, ids.video, &cut))
        return step_error(s);
    if (cut.chunks.len == 0)
        return step_fail_for_good(s, "the transcript has no words to make chunks from");
    return chunk_statistics(&cut);
}

static bool replace_chunks(struct step *s, const char *video_id, const struct cut *cut)
{
    auto_json *list = json_array();
    for (size_t i = 0; i < cut->chunks.len; i++)
        (void)json_array_append_new(list, chunk_to_json(&cut->chunks.items[i], i, cut->hash));
    auto_free char *text = js_dump(list, NULL);
    return DB_EXEC(s->db, &s->err, "delete_chunks", video_id) &&
           DB_EXEC(s->db, &s->err, "insert_chunks", video_id, text);
}

/* Two runs on one video take turns here, by the lock on its row. */
static json_t *store_chunks(struct step *s)
{
    struct video_ids ids;
    auto_cut cut = {0};
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    auto_result *locked = DB_QUERY(s->db, &s->err, "lock_video", ids.video, s->run_id);
    if (locked == NULL)
        return step_error(s);
    if (PQntuples(locked) == 0)
        return step_fail_for_good(s, "video %s was deleted", ids.video);
    if (!db_is_true(locked, 0, "is_mine"))
        return step_finish(s, js_pack("{s:b, s:b, s:s}", "success", true, "superseded", true,
                                      "video_id", ids.video));
    if (!cut_text(s, ids.video, &cut) || !replace_chunks(s, ids.video, &cut))
        return step_error(s);
    return js_pack("{s:I, s:s}", "chunks", (json_int_t)cut.chunks.len, "transcript_hash", cut.hash);
}

static json_t *update_status_embedding(struct step *s)
{
    struct video_ids ids;
    bool touched;
    if (!video_ids(s->data, &ids, &s->err) ||
        !VIDEO_UPDATE(s->db, &s->err, &touched, "set_video_status", ids.video, "embedding",
                      s->run_id))
        return step_error(s);
    return js_pack("{s:b}", "superseded", !touched);
}

/* One item per batch: {"key": "20", "first": 20, "count": 20}. */
static json_t *batches(struct step *s)
{
    int total = (int)js_int(step_result(s, "store-chunks"), "chunks", 0);
    int size = s->services->embed_batch > 0 ? s->services->embed_batch : 20;
    json_t *list = json_array();
    for (int first = 0; first < total; first += size) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", first);
        (void)json_array_append_new(list,
                                    js_pack("{s:s, s:i, s:i}", "key", key, "first", first, "count",
                                            total - first < size ? total - first : size));
    }
    return list;
}

/* Running twice is harmless: chunks that have their vector are not embedded again, and the account of the first time is
 * taken. */
static json_t *generate_embeddings(struct step *s)
{
    struct video_ids ids;
    struct vectors_done d;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    const struct vectors_batch batch = {.video_id = ids.video,
                                        .run_id = s->run_id,
                                        .first = (int)js_int(s->item, "first", 0),
                                        .count = (int)js_int(s->item, "count", 0)};
    if (!vectors_fill(s->db, s->http, s->services, &batch, &d, &s->err))
        return step_error(s);
    step_cost(s, d.cost_usd);
    return js_pack("{s:i, s:I, s:f, s:I, s:s}", "chunks", d.chunks, "tokens", (json_int_t)d.tokens,
                   "cost_usd", d.cost_usd, "processing_time_ms", (json_int_t)d.took_ms, "model",
                   d.model);
}

/* The batches wrote the vectors; this makes sure that none is missing. Only reads. */
static json_t *update_chunks_with_embeddings(struct step *s)
{
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    auto_result *count = DB_QUERY(s->db, &s->err, "count_chunks", ids.video, NULL);
    auto_result *owner =
        count != NULL ? DB_QUERY(s->db, &s->err, "is_video_of_run", ids.video, s->run_id) : NULL;
    if (owner == NULL)
        return step_error(s);
    long long chunks = db_int(count, 0, "chunks", 0), embedded = db_int(count, 0, "embedded", 0);
    bool is_mine = db_is_true(owner, 0, "is_mine");
    if (embedded < chunks && is_mine)
        return step_fail_for_good(s, "%lld of the %lld chunks of the video have no vector",
                                  chunks - embedded, chunks);
    return js_pack("{s:I, s:I, s:b}", "chunks", (json_int_t)chunks, "embedded",
                   (json_int_t)embedded, "superseded", !is_mine);
}

struct totals {
    long chunks, tokens, took_ms;
    double cost_usd;
    const char *model;
};

static struct totals add_batches(struct step *s)
{
    struct totals t = {.model = vectors_model(s->services)};
    const json_t *batch;
    size_t i;
    json_array_foreach (step_results(s, "generate-embeddings"), i, batch) {
        t.chunks += (long)js_int(batch, "chunks", 0);
        t.tokens += (long)js_int(batch, "tokens", 0);
        t.took_ms += (long)js_int(batch, "processing_time_ms", 0);
        t.cost_usd = usd_round(t.cost_usd + js_num(batch, "cost_usd", 0));
        const char *model = js_str(batch, "model");
        t.model = model != NULL ? model : t.model;
    }
    return t;
}

/* Also for a superseded run: its money is spent. */
static json_t *update_usage_metrics(struct step *s)
{
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    struct totals t = add_batches(s);
    double cost_usd =
        fmax(step_bill(s), t.cost_usd); /* attempts that failed had their price, too */
    auto_json *entry =
        js_pack("{s:s, s:s, s:f, s:I, s:I}", "video_id", ids.video, "method", t.model, "cost_usd",
                cost_usd, "tokens", (json_int_t)t.tokens, "chunks", (json_int_t)t.chunks);
    if (!video_add_usage(s->db, ids.creator, cost_usd, 0, "embedding_costs", entry, &s->err))
        return step_error(s);
    return js_pack("{s:i}", "ai_credits_used", (int)cost_credits(cost_usd));
}

static bool complete(struct step *s, const struct video_ids *ids, const struct totals *t,
                     long long chunks, bool *ret_completed)
{
    auto_json *stats = js_pack("{s:I, s:I, s:f, s:I, s:s}", "total_chunks", (json_int_t)chunks,
                               "total_tokens", (json_int_t)t->tokens, "cost_usd", t->cost_usd,
                               "processing_time_ms", (json_int_t)t->took_ms, "model", t->model);
    auto_json *metadata = js_pack("{s:O}", "embedding_stats", stats);
    auto_free char *text = js_dump(metadata, NULL);
    return VIDEO_UPDATE(s->db, &s->err, ret_completed, "complete_video", ids->video, s->run_id,
                        text) &&
           (!*ret_completed || video_log_event(s->db, ids, "video_embedded", stats, &s->err));
}

static json_t *update_status_completed(struct step *s)
{
    struct video_ids ids;
    struct totals t = add_batches(s);
    long long chunks = js_int(step_result(s, "store-chunks"), "chunks", 0);
    bool completed = false;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    /* else whoever has the video now ends it */
    if (!js_bool(step_result(s, "update-chunks-with-embeddings"), "superseded", false) &&
        !complete(s, &ids, &t, chunks, &completed))
        return step_error(s);
    return step_finish(s,
                       js_pack("{s:b, s:s, s:I, s:I, s:I, s:f, s:I, s:b}", "success", true,
                               "video_id", ids.video, "chunks_created", (json_int_t)chunks,
                               "embeddings_generated", (json_int_t)t.chunks, "total_tokens",
                               (json_int_t)t.tokens, "cost_usd", t.cost_usd, "processing_time_ms",
                               (json_int_t)t.took_ms, "superseded", !completed));
}

static const struct step_def steps[] = {
    {"validate-video", validate_video, .tx = true},
    {"update-status-processing", update_status_processing, .tx = true},
    {"chunk-transcript", chunk_transcript, .tx = false},
    {"store-chunks", store_chunks, .tx = true},
    {"update-status-embedding", update_status_embedding, .tx = true},
    {"generate-embeddings", generate_embeddings, .each = batches, .paid = true},
    {"update-chunks-with-embeddings", update_chunks_with_embeddings, .tx = false},
    {"update-usage-metrics", update_usage_metrics, .tx = true},
    {"update-status-completed", update_status_completed, .tx = true},
    {0},
};

const struct function fn_generate_video_embeddings = {
    .id = "generate-video-embeddings",
    .name = "Generate Video Embeddings",
    .version = 1,
    .on_event = {"video/transcription.completed"},
    .retries = 2,
    .limits = {{.key = "data.creatorId", .shared = "creator", .max = 20},
               {.shared = "global", .max = 100}},
    .steps = steps,
};
