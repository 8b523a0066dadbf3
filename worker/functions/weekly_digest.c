/* weekly_digest.c: on Monday mornings, an event creator/weekly.digest for each creator whose videos were worked on. */
#include "function.h"

static const char NOBODY[] = "00000000-0000-0000-0000-000000000000";

/* Running twice is harmless: the events leave with the commit of this step. It may send 64 at most. */
static json_t *send_digests(struct step *s)
{
    const char *after = s->cursor != NULL ? json_string_value(s->cursor) : NOBODY;
    auto_result *r = DB_QUERY(s->db, &s->err, "digest_page", after, "50");
    if (r == NULL)
        return step_error(s);
    int n = PQntuples(r);
    for (int i = 0; i < n; i++)
        step_send(s, "creator/weekly.digest",
                  js_pack("{s:s, s:I, s:I}", "creatorId", db_text(r, i, "creator_id"), "completed",
                          (json_int_t)db_int(r, i, "completed", 0), "failed",
                          (json_int_t)db_int(r, i, "failed", 0)));
    json_t *sent = json_integer(n);
    return n < 50 ? sent : step_again(s, json_string(db_text(r, n - 1, "creator_id")), sent);
}

static const struct step_def steps[] = {{"send-digests", send_digests}, {0}};

const struct function fn_weekly_digest = {
    .id = "weekly-digest",
    .version = 1,
    .cron = {.schedule = "0 8 * * 1"},
    .retries = 2,
    .steps = steps,
};
