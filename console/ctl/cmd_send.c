/* cmd_send.c: events, by the rules of the HTTP door. */
#include <string.h>

#include "console/ingest.h"
#include "input.h"
#include "js.h"
#include "out.h"
#include "rows.h"

/* The event or events as JSON; NULL and *ret_code set when something is wrong. */
static json_t *read_body(struct ctl *c, int *ret_code)
{
    struct err e;
    size_t len;
    const char *name = c->arguments[0], *given = c->arguments[1];
    bool whole = strcmp(name, "-") == 0;
    if (whole && given != NULL) {
        *ret_code =
            ctl_usage(c, "data '%.32s': with - the events come whole from standard input", given);
        return NULL;
    }
    auto_free char *text = input_text(whole ? "-" : given != NULL ? given : "{}", &len, &e);
    json_t *j = text != NULL ? js_parse(text, len, &e) : NULL;
    if (j == NULL) {
        *ret_code = ctl_usage(c, "%s: is no JSON: %s", whole ? "standard input" : "data", e.msg);
        return NULL;
    }
    if (!whole) {
        json_t *event = js_pack("{s:s, s:o}", "name", name, "data", j);
        if (event == NULL)
            *ret_code = ctl_usage(c, "event: its name is no UTF-8");
        return event;
    }
    return j;
}

static bool add_options(struct ctl *c, json_t *body)
{
    struct err e;
    const char *id = ctl_option(c, "id"), *user = ctl_option(c, "user"), *v = ctl_option(c, "v");
    if (!json_is_object(body) &&
        (id != NULL || user != NULL || v != NULL || ctl_option(c, "at") != NULL))
        return ctl_usage(c, "--id, --user, --v and --at are for one event") == EXIT_FINE;
    if (id != NULL)
        (void)json_object_set_new(body, "id", json_string(id));
    if (v != NULL)
        (void)json_object_set_new(body, "v", json_string(v));
    if (ctl_option(c, "at") != NULL)
        (void)json_object_set_new(body, "ts", json_integer(ctl_time_ms(c, "at", 0)));
    if (user == NULL)
        return true;
    json_t *j = js_parse(user, strlen(user), &e);
    if (j == NULL)
        return ctl_usage(c, "--user: is no JSON: %s", e.msg) == EXIT_FINE;
    (void)json_object_set_new(body, "user", j);
    return true;
}

static int tell(struct ctl *c, const struct ingest *in, const char *durable)
{
    auto_json *ids = json_array();
    for (size_t i = 0; i < in->count; i++)
        (void)json_array_append_new(ids, json_string(in->events[i].eid));
    if (c->json) {
        auto_json *j = js_pack("{s:O, s:s}", "ids", ids, "durable", durable);
        out_json(j);
        return EXIT_FINE;
    }
    for (size_t i = 0; i < in->count; i++)
        out_say(c, "%s", in->events[i].eid);
    return EXIT_FINE;
}

static int run(struct ctl *c)
{
    struct err e;
    struct ingest in;
    const struct ingest *all = &in;
    int code = EXIT_FINE;
    const char *durable = ctl_option(c, "durable");
    durable = durable != NULL ? durable : c->conf.console_durable;
    auto_json *body = read_body(c, &code);
    if (body == NULL || !add_options(c, body))
        return EXIT_USAGE;
    if (!ingest_read(&in, body, c->conf.max_event_bytes, &e)) {
        code = ctl_usage(c, "%s", e.msg);
    } else {
        ingest_name(&in, NULL);
        bool ok = in.count == 0 ||
                  (strcmp(durable, "postgres") == 0 ? ingest_to_postgres(&in, NULL, c->db, &e)
                                                    : ingest_to_redis(&all, 1, c->kv, &e));
        code = ok ? tell(c, &in, durable) : ctl_fail(c, &e);
    }
    ingest_release(&in);
    return code;
}

const struct command command_send = {
    .name = "send",
    .summary = "Sends an event, or many from standard input, all or none, and prints their ids",
    .details = "When it returns, the events are in Redis, or committed in Postgres (--durable).",
    .arguments = {{"event", TEXT,
                   "its name, as video/transcript.extract; - reads one event or an array of them, "
                   "as JSON, from standard input"},
                  {"data", TEXT, "a JSON object; - reads it from standard input; left out: {}",
                   .optional = true}},
    .options = {{"id", "ID", TEXT, "one event per id in 24 hours"},
                {"at", "TIME", TIME, "in the future: its runs start then"},
                {"user", "JSON", TEXT, "who it is about"},
                {"v", "VERSION", TEXT, "of its data"},
                {"durable", "WHERE", CHOICE,
                 "where it is when the command returns; CHRONOS_CONSOLE_DURABLE unless given",
                 "redis|postgres"}},
    .examples = {{"send video/transcript.extract '{\"videoId\": \"…\", \"creatorId\": \"…\", "
                  "\"source\": \"youtube\"}'",
                  "one"},
                 {"send analytics/aggregate.requested --id nightly-2026-01-05", "not twice a day"},
                 {"send - < events.json", "all of a file"}},
    .run = run,
    .settings = CONF_SCHEDULER | CONF_CONSOLE,
};
