/* cmd_events.c: events that were accepted, and those that could not be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/events.h"
#include "console/rejected.h"
#include "input.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { USUAL = 50, MOST = 100000 };

static json_t *page_of_events(struct desk *d, const void *arg, int limit, const char *cursor,
                              char **ret_next, struct err *e)
{
    const struct ctl *c = arg;
    return events_list(d, ctl_option(c, "name"), ctl_time_ms(c, "since", 0),
                       ctl_time_ms(c, "until", 0), limit, cursor, ret_next, e);
}

/* The names of what it started, in one cell. */
static void add_functions(json_t *rows)
{
    size_t i, k;
    json_t *event, *run;
    json_array_foreach (rows, i, event) {
        char text[512] = "";
        json_array_foreach (json_object_get(event, "runs"), k, run) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? ", " : "",
                           js_str(run, "function_id"));
        }
        (void)json_object_set_new(event, "functions", json_string(text));
    }
}

static int show_event(struct ctl *c, struct desk *d, const char *id)
{
    static const struct column columns[] = {
        {"run_id", "RUN", CELL_TEXT, 0}, {"function_id", "FUNCTION", CELL_TEXT, 0}, {0}};
    struct err e;
    auto_json *event = event_get(d, id, &e);
    if (event == NULL)
        return operate_fail(c, d, &e);
    out_fields(c, event);
    if (!c->json)
        out_table(c, json_object_get(event, "runs"), columns, "it started no run");
    return EXIT_FINE;
}

static int events(struct ctl *c)
{
    static const struct column columns[] = {{"internal_id", "EVENT", CELL_TEXT, 0},
                                            {"name", "NAME", CELL_TEXT, 40},
                                            {"received_at", "RECEIVED", CELL_AGE, 0},
                                            {"outcome", "OUTCOME", CELL_TEXT, 0},
                                            {"creator_id", "CREATOR", CELL_TEXT, 12},
                                            {"functions", "STARTED", CELL_TEXT, 50},
                                            {0}};
    struct err e;
    struct desk d = operate_desk(c);
    if (c->arguments[0] != NULL)
        return show_event(c, &d, c->arguments[0]);
    auto_json *rows = operate_pages(&d, page_of_events, c, ctl_number(c, "limit", USUAL), &e);
    if (rows == NULL)
        return operate_fail(c, &d, &e);
    if (!c->json)
        add_functions(rows);
    out_table(c, rows, columns, "no event fits");
    return EXIT_FINE;
}

const struct command command_events = {
    .name = "events",
    .summary = "Lists events that were accepted, or shows one with its runs",
    .arguments = {{"event", TEXT, "its id; left out: a list, newest first", .optional = true}},
    .options = {{"name", "NAME", TEXT, "of this name"},
                {"since", "TIME", TIME, "accepted since then: a time, or an age as 2h"},
                {"until", "TIME", TIME, "accepted before then"},
                {"limit", "N", NUMBER, "most events; 50 unless given", NULL, 1, MOST}},
    .examples = {{"events --name video/transcript.extract --since 1h", "the last hour's"},
                 {"events 01K3ZQ6Y8D4T2N9R5B7C1M0XWE", "one, with its data and runs"}},
    .run = events,
    .settings = CONF_SCHEDULER,
};

/* ---- what could not be read ---- */

static json_t *page_of_rejected(struct desk *d, const void *arg, int limit, const char *cursor,
                                char **ret_next, struct err *e)
{
    (void)arg;
    return rejected_list(d, limit, cursor, ret_next, e);
}

static int resend(struct ctl *c, struct desk *d, const char *id)
{
    struct err e;
    size_t len;
    auto_free char *text = input_text(ctl_option(c, "resend"), &len, &e);
    auto_json *event = text != NULL ? js_parse_sent(text, len, NULL, &e) : NULL;
    if (event == NULL)
        return ctl_usage(
            c, "--resend: %s; give the mended event as JSON: '{\"name\": …, \"data\": {…}}'",
            e.msg);
    auto_json *one = rejected_get(d, id, &e);
    if (one == NULL)
        return operate_fail(c, d, &e);
    if (js_get(one, "resent") != NULL && !ctl_flag(c, "again"))
        return ctl_refuse(c, "%s was sent again already by %s at %s; --again sends it once more",
                          id, js_str(one, "resent.who"), js_str(one, "resent.at"));
    return operate_started(c, d, rejected_resend(d, id, event, &e), &e);
}

static int show_rejected(struct ctl *c, struct desk *d, const char *id)
{
    static const struct column columns[] = {
        {"name", "FIELD", CELL_TEXT, 0}, {"value", "VALUE", CELL_TEXT, 100}, {0}};
    struct err e;
    auto_json *one = rejected_get(d, id, &e);
    if (one == NULL)
        return operate_fail(c, d, &e);
    out_fields(c, one);
    if (!c->json)
        out_table(c, json_object_get(one, "fields"), columns, "redis does not have it any more");
    return EXIT_FINE;
}

static int rejected(struct ctl *c)
{
    static const struct column columns[] = {{"id", "ENTRY", CELL_TEXT, 0},
                                            {"rejected_at", "REJECTED", CELL_AGE, 0},
                                            {"name", "NAME", CELL_TEXT, 30},
                                            {"reason", "REASON", CELL_TEXT, 60},
                                            {"resent.who", "RESENT BY", CELL_TEXT, 20},
                                            {0}};
    struct err e;
    struct desk d = operate_desk(c);
    const char *id = c->arguments[0];
    if (id == NULL && ctl_option(c, "resend") != NULL)
        return ctl_usage(c, "entry is missing: which one is sent again");
    if (id != NULL)
        return ctl_option(c, "resend") != NULL ? resend(c, &d, id) : show_rejected(c, &d, id);
    auto_json *rows = operate_pages(&d, page_of_rejected, NULL, ctl_number(c, "limit", USUAL), &e);
    if (rows == NULL)
        return operate_fail(c, &d, &e);
    out_table(c, rows, columns, "nothing was rejected");
    return EXIT_FINE;
}

const struct command command_rejected = {
    .name = "rejected",
    .summary =
        "Lists what could not be read as an event, shows one entry, or sends it again mended",
    .arguments = {{"entry", TEXT, "its id; left out: a list, newest first", .optional = true}},
    .options = {{"resend", "JSON", TEXT,
                 "the mended event, sent in its place; - reads it from standard input"},
                {"again", NULL, FLAG, "also when it was sent again already"},
                {"limit", "N", NUMBER, "most entries; 50 unless given", NULL, 1, MOST}},
    .examples = {{"rejected", "what, when and why"},
                 {"rejected 1736143200000-0", "all that came, field by field"},
                 {"rejected 1736143200000-0 --resend '{\"name\": \"video/transcript.extract\", "
                  "\"data\": {\"videoId\": \"…\"}}'",
                  "in its place"}},
    .run = rejected,
    .settings = CONF_SCHEDULER | CONF_CONSOLE,
};
