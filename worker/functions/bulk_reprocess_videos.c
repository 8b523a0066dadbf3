/* bulk_reprocess_videos.c: makes chunks and vectors of many videos anew from their transcripts.
 *
 * Triggered by videos/bulk.reprocess {operationId, creatorId, videoIds?}. "processed" means started: each video's own run of
 * generate-video-embeddings does the work. Events leave with the commit of their batch, exactly once. */
#include "bulk.h"
#include "reprocess.h"

static json_t *update_status_in_progress(struct step *s)
{
    return bulk_claim(s, "reprocess", BULK_MAX_IDS);
}

static json_t *reprocess_batch(struct step *s)
{
    struct bulk b;
    auto_page page = {0};
    if (!bulk_of_event(s->data, BULK_MAX_IDS, &b, &s->err) ||
        !bulk_page_of_operation(s, &b, NULL, bulk_offset(s), BULK_BATCH, &page, &s->err))
        return step_error(s);
    auto_json *started = NULL;
    if (!reprocess_videos(s, &page, b.creator, NULL, &started, &s->err) ||
        !bulk_set_progress(s, &b, bulk_offset(s) + page.asked, &s->err))
        return step_error(s);
    return js_pack("{s:I, s:O}", "processed", (json_int_t)json_array_size(started), "errors",
                   page.errors);
}

static json_t *update_final_status(struct step *s)
{
    long long processed;
    json_t *errors;
    bulk_sum(s, "reprocess-batch", "processed", &processed, &errors);
    size_t failed = json_array_size(errors);
    return bulk_finish(s, bulk_status(processed, (long long)failed),
                       js_pack("{s:I, s:I, s:o}", "processed", (json_int_t)processed, "failed",
                               (json_int_t)failed, "errors", errors),
                       processed == 0 && failed > 0 ? "none of the videos could be reprocessed"
                                                    : NULL);
}

static const struct step_def steps[] = {
    {"update-status-in-progress", update_status_in_progress, .tx = true},
    {"reprocess-batch", reprocess_batch, .each = bulk_batches_of_operation, .tx = true},
    {"update-final-status", update_final_status, .tx = true},
    {0},
};

const struct function fn_bulk_reprocess_videos = {
    .id = "bulk-reprocess-videos",
    .name = "Bulk Reprocess Videos",
    .version = 1,
    .on_event = {"videos/bulk.reprocess"},
    .retries = 2,
    .limits = {{.key = "data.creatorId", .shared = "creator", .max = 20},
               {.shared = "global", .max = 100}},
    .steps = steps,
};
