/* bulk_delete_videos.c: deletes many videos of a creator, with their chunks, their places in courses and their files.
 *
 * Triggered by videos/bulk.delete {operationId, creatorId, videoIds?}. Rows go first, in batches that are each one
 * transaction with its ledger row, so a crash neither deletes less nor turns what was deleted into an error. Their files are
 * written down in the same transactions and deleted afterwards: a file without a video costs some space for a while, a video
 * without its file would be broken. Files that the storage does not let go of are left to remove-deleted-files. */
#include "bulk.h"
#include "deleted_files.h"

enum { RETRIES = 2 };

static json_t *update_status_in_progress(struct step *s)
{
    return bulk_claim(s, "delete", BULK_MAX_IDS);
}

static json_t *delete_batch(struct step *s)
{
    struct bulk b;
    auto_page page = {0};
    if (!bulk_of_event(s->data, BULK_MAX_IDS, &b, &s->err) ||
        !bulk_page_of_operation(s, &b, NULL, bulk_offset(s), BULK_BATCH, &page, &s->err))
        return step_error(s);
    auto_free char *ids = js_dump(page.ids, NULL);
    auto_result *r = DB_QUERY(s->db, &s->err, "delete_videos", b.operation, b.creator, ids);
    if (r == NULL || !bulk_set_progress(s, &b, bulk_offset(s) + page.asked, &s->err))
        return step_error(s);
    json_int_t deleted = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *error = db_text(r, i, "error");
        if (error != NULL)
            bulk_add_error(page.errors, db_text(r, i, "video_id"), error);
        else
            deleted++;
    }
    return js_pack("{s:I, s:O}", "deleted", deleted, "errors", page.errors);
}

/* Running twice is harmless: what is gone is gone. The rows are deleted already, so a storage that refuses is no failure of
 * the operation. */
static json_t *delete_files(struct step *s)
{
    struct bulk b;
    long long removed;
    bool more;
    if (!bulk_of_event(s->data, BULK_MAX_IDS, &b, &s->err))
        return step_error(s);
    if (!deleted_files_remove(s, b.operation, &removed, &more, &s->err)) {
        bool gives_up = !err_is_retryable(s->err.code) || s->attempt > RETRIES;
        if (!gives_up || s->err.code == ERR_UNAVAILABLE || s->err.code == ERR_STOPPING)
            return step_error(s);
        step_log(s, "files are left to remove-deleted-files: %s", s->err.msg);
        return js_pack("{s:s}", "left", s->err.msg);
    }
    json_t *value = js_pack("{s:I}", "removed", (json_int_t)removed);
    return more ? step_again(s, json_true(), value) : value;
}

static json_t *update_final_status(struct step *s)
{
    long long deleted;
    json_t *errors;
    bulk_sum(s, "delete-batch", "deleted", &deleted, &errors);
    size_t failed = json_array_size(errors);
    const char *status = bulk_status(deleted, (long long)failed);
    return bulk_finish(s, status,
                       js_pack("{s:I, s:I, s:o}", "deleted", (json_int_t)deleted, "failed",
                               (json_int_t)failed, "errors", errors),
                       deleted == 0 && failed > 0 ? "none of the videos could be deleted" : NULL);
}

static const struct step_def steps[] = {
    {"update-status-in-progress", update_status_in_progress, .tx = true},
    {"delete-batch", delete_batch, .each = bulk_batches_of_operation, .tx = true},
    {"delete-files", delete_files},
    {"update-final-status", update_final_status, .tx = true},
    {0},
};

const struct function fn_bulk_delete_videos = {
    .id = "bulk-delete-videos",
    .name = "Bulk Delete Videos",
    .version = 1,
    .on_event = {"videos/bulk.delete"},
    .retries = RETRIES,
    .limits = {{.key = "data.creatorId", .shared = "creator", .max = 20},
               {.shared = "global", .max = 100}},
    .steps = steps,
};
