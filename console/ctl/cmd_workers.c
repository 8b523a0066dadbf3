/* cmd_workers.c: live workers and what their threads are doing. */
#include "console/workers.h"

#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

static int run(struct ctl *c)
{
    static const struct column columns[] = {{"id", "WORKER", CELL_TEXT, 40},
                                            {"busy", "BUSY", CELL_RIGHT, 0},
                                            {"threads", "THREADS", CELL_RIGHT, 0},
                                            {"started_at", "STARTED", CELL_AGE, 0},
                                            {0}};
    static const struct column doing[] = {
        {"run_id", "RUN", CELL_TEXT, 0},          {"function_id", "FUNCTION", CELL_TEXT, 34},
        {"creator_id", "CREATOR", CELL_TEXT, 12}, {"step", "STEP", CELL_TEXT, 30},
        {"since", "SINCE", CELL_AGE, 0},          {0}};
    struct err e;
    struct desk d = operate_desk(c);
    size_t i;
    json_t *worker;
    auto_json *rows = workers_list(&d, &e);
    if (rows == NULL)
        return operate_fail(c, &d, &e);
    out_table(c, rows, columns, "no worker is alive");
    if (c->json)
        return EXIT_FINE;
    json_array_foreach (rows, i, worker) {
        json_t *its = json_object_get(worker, "doing");
        if (json_array_size(its) == 0)
            continue;
        out_say(c, " ");
        out_say(c, "%s:", js_str(worker, "id"));
        out_table(c, its, doing, "");
    }
    return EXIT_FINE;
}

const struct command command_workers = {
    .name = "workers",
    .summary = "Lists live workers and what each of their threads is doing",
    .examples = {{"workers", "who is there, and at what"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
