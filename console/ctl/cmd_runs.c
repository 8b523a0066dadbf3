/* cmd_runs.c: runs as a list. */
#include "console/runs.h"

#include "filter.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { USUAL = 50 };

static json_t *page(struct desk *d, const void *arg, int limit, const char *cursor, char **ret_next,
                    struct err *e)
{
    return runs_list(d, arg, limit, cursor, ret_next, e);
}

static int run(struct ctl *c)
{
    static const struct column columns[] = {{"run_id", "RUN", CELL_TEXT, 0},
                                            {"state", "STATE", CELL_TEXT, 0},
                                            {"function_id", "FUNCTION", CELL_TEXT, 34},
                                            {"creator_id", "CREATOR", CELL_TEXT, 12},
                                            {"queued_at", "QUEUED", CELL_AGE, 0},
                                            {"attempts", "TRIES", CELL_RIGHT, 0},
                                            {"error.message", "ERROR", CELL_TEXT, 50},
                                            {0}};
    struct err e;
    struct desk d = operate_desk(c);
    struct run_filter filter = filter_read(c);
    auto_json *rows = operate_pages(&d, page, &filter, ctl_number(c, "limit", USUAL), &e);
    if (rows == NULL)
        return operate_fail(c, &d, &e);
    int code = json_array_size(rows) == 0 ? operate_functions(c, filter.function) : EXIT_FINE;
    if (code != EXIT_FINE)
        return code;
    out_table(c, rows, columns, "no run fits");
    return EXIT_FINE;
}

const struct command command_runs = {
    .name = "runs",
    .summary = "Lists runs, live ones and those that have ended, newest first",
    .details = "Status: Scheduled, Running, Completed, Failed, Cancelled, Skipped, or a state as "
               "the list shows it (waiting,\n"
               "sleeping, retrying, …); several separated by commas.",
    .options = {FILTER_OPTIONS,
                {"limit", "N", NUMBER, "most runs to show; 50 unless given", NULL, 1, 100000}},
    .examples = {{"runs --status Failed --since 1d", "what went wrong since yesterday"},
                 {"runs --function extract-video-transcript --status waiting", "who waits"},
                 {"runs --text 'quota' --json | jq -r '.[].run_id'", "ids for a script"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
