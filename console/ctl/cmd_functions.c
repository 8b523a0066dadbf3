/* cmd_functions.c: functions, and what people do to them. */
#include "console/functions.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { RESULT_MS = 15000, LOOK_MS = 200 };

static int list(struct ctl *c)
{
    static const struct column columns[] = {{"id", "FUNCTION", CELL_TEXT, 40},
                                            {"workers", "WORKERS", CELL_RIGHT, 0},
                                            {"live.running", "RUNNING", CELL_RIGHT, 0},
                                            {"live.waiting", "WAITING", CELL_RIGHT, 0},
                                            {"live.live", "LIVE", CELL_RIGHT, 0},
                                            {"last_hour.completed", "DONE/H", CELL_RIGHT, 0},
                                            {"last_hour.failed", "FAILED/H", CELL_RIGHT, 0},
                                            {"paused", "PAUSED", CELL_TEXT, 0},
                                            {"schedule.next_tick", "NEXT TICK", CELL_AGE, 0},
                                            {0}};
    struct err e;
    struct desk d = operate_desk(c);
    if (c->arguments[0] != NULL) {
        auto_json *one = function_get(&d, c->arguments[0], &e);
        if (one == NULL)
            return operate_fail(c, &d, &e);
        if (!c->json && js_get(one, "schedule") != NULL &&
            js_get(one, "schedule.last_tick") == NULL)
            (void)json_object_set_new(json_object_get(one, "schedule"), "last_tick",
                                      json_string("none yet"));
        out_fields(c, one);
        return EXIT_FINE;
    }
    auto_json *rows = functions_list(&d, &e);
    if (rows == NULL)
        return operate_fail(c, &d, &e);
    out_table(c, rows, columns, "no worker has made a function known yet");
    return EXIT_FINE;
}

const struct command command_functions = {
    .name = "functions",
    .summary = "Lists the functions, or shows one, with live counts, workers and schedules",
    .arguments = {{"function", FUNCTION, "its id; left out: all", .optional = true}},
    .examples = {{"functions", "all"}, {"functions transcribe-video --json", "with its config"}},
    .run = list,
    .settings = CONF_SCHEDULER,
};

static int set_mode(struct ctl *c, const char *mode)
{
    struct err e;
    struct desk d = operate_desk(c);
    return operate_done(c, &d, function_pause(&d, c->arguments[0], mode, &e), &e);
}

static int pause_it(struct ctl *c)
{
    return set_mode(c, "pause");
}

const struct command command_pause = {
    .name = "pause",
    .summary =
        "Pauses a function: none of its runs gets a slot, those that run stop after their step",
    .arguments = {{"function", FUNCTION, "its id"}},
    .examples = {{"pause transcribe-video", "until chronosctl resume transcribe-video"}},
    .run = pause_it,
    .settings = CONF_SCHEDULER,
};

static int drain(struct ctl *c)
{
    return set_mode(c, "drain");
}

const struct command command_drain = {
    .name = "drain",
    .summary = "Drains a function: what has begun goes on to its end, nothing else begins",
    .arguments = {{"function", FUNCTION, "its id"}},
    .examples = {{"drain transcribe-video", "before a change that live runs must not see"}},
    .run = drain,
    .settings = CONF_SCHEDULER,
};

static int resume(struct ctl *c)
{
    return set_mode(c, "resume");
}

const struct command command_resume = {
    .name = "resume",
    .summary = "Takes back a pause or a drain",
    .arguments = {{"function", FUNCTION, "its id"}},
    .examples = {{"resume transcribe-video", "its waiting runs go on"}},
    .run = resume,
    .settings = CONF_SCHEDULER,
};

static int trigger(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    const char *text = c->arguments[1];
    auto_json *data = text != NULL ? js_parse_sent(text, strlen(text), NULL, &e) : NULL;
    if (text != NULL && !json_is_object(data))
        return ctl_usage(c, "data must be a JSON object, as '{\"creatorId\": \"…\"}'%s%s",
                         data == NULL ? ": " : "", data == NULL ? e.msg : "");
    return operate_started(c, &d, function_trigger(&d, c->arguments[0], data, &e), &e);
}

const struct command command_trigger = {
    .name = "trigger",
    .summary = "Starts a function now: a scheduled one beside its schedule, any other with data",
    .arguments = {{"function", FUNCTION, "its id"},
                  {"data", TEXT, "a JSON object; left out: as its schedule does, or {}",
                   .optional = true}},
    .examples = {{"trigger recover-stuck-videos", "one run now"},
                 {"trigger aggregate-analytics '{\"creatorId\": \"8c0e…\"}'", "with data"}},
    .run = trigger,
    .settings = CONF_SCHEDULER,
};

/* What came of the order, "" when no scheduler has carried it out in time; NULL: it cannot be known. */
static char *wait_result(struct ctl *c, const char *order, struct err *e)
{
    ctl_catch_signals();
    for (int64_t until = mono_ms() + RESULT_MS;;) {
        auto_result *r = DB_QUERY(c->db, e, "command_result", order);
        if (r == NULL)
            return NULL;
        if (PQntuples(r) > 0)
            return strdup(db_text(r, 0, "result"));
        if (mono_ms() >= until || !ctl_nap(LOOK_MS))
            return strdup("");
    }
}

static int retire(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    auto_json *done = function_retire(&d, c->arguments[0], &e);
    if (done == NULL)
        return operate_fail(c, &d, &e);
    auto_free char *result = wait_result(c, js_str(done, "id"), &e);
    if (result == NULL)
        return operate_fail(c, &d, &e);
    if (strncmp(result, "refused: ", strlen("refused: ")) == 0)
        return ctl_refuse(c, "%s", result + strlen("refused: "));
    (void)json_object_set_new(done, "done",
                              json_string(*result != '\0'
                                              ? result
                                              : "ordered; no scheduler has carried it out yet: see "
                                                "chronos.commands, and chronosctl doctor"));
    return operate_done(c, &d, json_incref(done), &e);
}

const struct command command_retire = {
    .name = "retire",
    .summary =
        "Ends a function that no worker executes any more: forgotten, its live runs cancelled",
    .details = "It waits for a scheduler to carry it out, and says what came of it.",
    .arguments = {{"function", FUNCTION, "its id"}},
    .examples = {{"retire old-function", "after its file was taken out of the code"}},
    .run = retire,
    .settings = CONF_SCHEDULER,
};
