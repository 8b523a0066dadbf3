/* batch_reprocess_embeddings.c: makes chunks and vectors anew of any videos, whoever they belong to.
 *
 * Triggered by video/embeddings.batch-reprocess {videoIds, reason?}; for operators and migrations, as after a change of the
 * model. Any number of ids that an event can hold. The reason is kept in the output and travels with each event. */
#include "reprocess.h"

static json_t *batches(struct step *s)
{
    return bulk_batches(json_array_size(js_get(s->data, "videoIds")));
}

/* Only reads: an error names the field. */
static json_t *check_request(struct step *s)
{
    const json_t *ids = bulk_ids(s->data, SIZE_MAX, &s->err);
    if (ids == NULL)
        return step_error(s);
    const json_t *reason = js_get(s->data, "reason");
    if (reason != NULL && !json_is_string(reason))
        return step_fail_for_good(s, "reason is not a text");
    step_log(s, "%zu videos are to be reprocessed", json_array_size(ids));
    return js_pack("{s:I}", "total", (json_int_t)json_array_size(ids));
}

/* Running twice is harmless: the events leave with the commit of this step. */
static json_t *reprocess_batch(struct step *s)
{
    auto_page page = {0};
    auto_json *started = NULL;
    if (!bulk_page_of_ids(js_get(s->data, "videoIds"), bulk_offset(s), BULK_BATCH, &page) ||
        !reprocess_videos(s, &page, NULL, js_str(s->data, "reason"), &started, &s->err))
        return step_error(s);
    return js_pack("{s:O, s:O}", "processed", started, "errors", page.errors);
}

static json_t *summarise(struct step *s)
{
    json_t *processed = json_array(), *failed = json_array();
    size_t i;
    const json_t *batch;
    json_array_foreach ((json_t *)step_results(s, "reprocess-batch"), i, batch) {
        (void)json_array_extend(processed, json_object_get(batch, "processed"));
        (void)json_array_extend(failed, json_object_get(batch, "errors"));
    }
    return js_pack("{s:b, s:s?, s:I, s:I, s:I, s:o, s:o}", "success", true, "reason",
                   js_str(s->data, "reason"), "total_requested",
                   (json_int_t)js_int(step_result(s, "check-request"), "total", 0),
                   "processed_count", (json_int_t)json_array_size(processed), "failed_count",
                   (json_int_t)json_array_size(failed), "processed", processed, "failed", failed);
}

static const struct step_def steps[] = {
    {"check-request", check_request},
    {"reprocess-batch", reprocess_batch, .each = batches},
    {"summarise", summarise},
    {0},
};

const struct function fn_batch_reprocess_embeddings = {
    .id = "batch-reprocess-embeddings",
    .name = "Batch Reprocess Embeddings",
    .version = 1,
    .on_event = {"video/embeddings.batch-reprocess"},
    .retries = 2,
    .limits = {{.shared = "global", .max = 100}},
    .steps = steps,
};
