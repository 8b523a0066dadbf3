/* cmd_video.c: what became of a video. */
#include "js.h"
#include "out.h"
#include "rows.h"

static json_t *read_runs(struct ctl *c, const char *id, const char *creator, struct err *e)
{
    char most[24];
    (void)snprintf(most, sizeof(most), "%ld", ctl_number(c, "runs", 10));
    auto_result *r = DB_QUERY(c->db, e, "runs_of_video", id, creator, most);
    return r != NULL ? out_rows(r) : NULL;
}

static int run(struct ctl *c)
{
    static const struct column columns[] = {{"run_id", "RUN", CELL_TEXT, 0},
                                            {"status", "STATUS", CELL_TEXT, 0},
                                            {"function_id", "FUNCTION", CELL_TEXT, 36},
                                            {"ended_at", "ENDED", CELL_AGE, 0},
                                            {"attempts", "TRIES", CELL_RIGHT, 0},
                                            {"error_message", "ERROR", CELL_TEXT, 60},
                                            {0}};
    struct err e;
    const char *id = c->arguments[0];
    auto_result *r = DB_QUERY(c->db, &e, "describe_video", id);
    if (r == NULL)
        return e.code == ERR_INPUT
                   ? ctl_usage(c, "video '%.64s': must be the id of a video, a UUID", id)
                   : ctl_fail(c, &e);
    if (PQntuples(r) == 0)
        return ctl_refuse(c, "there is no video %s", id);
    auto_json *runs = read_runs(c, db_text(r, 0, "id"), db_text(r, 0, "creator_id"), &e);
    if (runs == NULL)
        return ctl_fail(c, &e);
    auto_json *rows = out_rows(r), *video = json_incref(json_array_get(rows, 0));
    (void)json_object_set(video, "runs", runs);
    out_fields(c, video);
    if (!c->json) {
        out_say(c, " ");
        out_table(c, runs, columns, "no run about it has ended");
    }
    return EXIT_FINE;
}

const struct command command_video = {
    .name = "video",
    .summary =
        "Shows a video: its status, its transcript, chunks and vectors, and the runs about it",
    .arguments = {{"video", TEXT, "its id, a UUID"}},
    .options = {{"runs", "N", NUMBER, "most runs to show; 10 unless given", NULL, 0, 1000}},
    .examples = {{"video 6b0d7d1a-6a43-4c39-9a35-0c3f1d3f2a11", "why is it not there yet?"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
