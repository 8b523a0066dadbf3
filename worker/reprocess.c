#include "reprocess.h"

#include <string.h>

/* The row of an id, -1 when there is none. */
static int row_of(const PGresult *r, const char *id)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (strcasecmp(db_text(r, i, "id"), id) == 0)
            return i;
    return -1;
}

static void send(struct step *s, const char *video, const char *creator, const char *reason)
{
    json_t *data =
        js_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "videoId", video, "video_id", video, "creatorId",
                creator, "creator_id", creator, "skipIfExists", false, "skip_if_exists", false);
    if (reason != NULL)
        (void)json_object_set_new(data, "reason", json_string(reason));
    step_send(s, "video/transcription.completed", data);
}

bool reprocess_videos(struct step *s, struct bulk_page *page, const char *creator,
                      const char *reason, json_t **ret_started, struct err *e)
{
    auto_free char *ids = js_dump(page->ids, NULL);
    auto_result *r = DB_QUERY(s->db, e, "find_for_reprocessing", ids, creator);
    if (r == NULL)
        return false;
    json_t *started = json_array();
    size_t i;
    const json_t *id;
    json_array_foreach (page->ids, i, id) {
        const char *video = json_string_value(id);
        int row = row_of(r, video);
        if (row < 0) {
            bulk_add_error(page->errors, video, "not found or already deleted");
        } else if (!db_is_true(r, row, "has_transcript")) {
            bulk_add_error(page->errors, video, "has no transcript to make chunks from");
        } else {
            send(s, db_text(r, row, "id"), db_text(r, row, "creator_id"), reason);
            (void)json_array_append(started, (json_t *)id);
        }
    }
    *ret_started = started;
    return true;
}
