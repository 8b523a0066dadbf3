/* cmd_send.c: events, by the rules of the HTTP door. */
#include <stdio.h>
#include <string.h>

#include "console/ingest.h"
#include "input.h"
#include "js.h"
#include "key.h"
#include "out.h"
#include "rows.h"

/* One JSON text after the other, as a log has them. */
static bool is_several(const char *text, size_t len)
{
    json_error_t first;
    auto_json *j = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, &first);
    size_t at = j != NULL ? (size_t)first.position : len;
    while (at < len && strchr(" \t\r\n", text[at]) != NULL)
        at++;
    return at < len && text[at] == '{';
}

/* The event or events as JSON; NULL when something is wrong, which is told. */
static json_t *read_body(struct ctl *c)
{
    struct err e;
    size_t len;
    const char *name = c->arguments[0], *given = c->arguments[1];
    bool whole = strcmp(name, "-") == 0;
    if (whole && given != NULL) {
        (void)ctl_usage(c, "data '%.32s': with - the events come whole from standard input", given);
        return NULL;
    }
    if (*name == '{' || *name == '[') {
        (void)ctl_usage(c, "event '%.32s': is no name; give - to read it from standard input",
                        name);
        return NULL;
    }
    auto_free char *text = input_text(whole ? "-" : given != NULL ? given : "{}", &len, &e);
    if (text == NULL) {
        (void)ctl_usage(c, "%s", e.msg);
        return NULL;
    }
    json_t *j = js_parse_sent(text, len, NULL, &e);
    if (j == NULL && whole && is_several(text, len)) {
        (void)ctl_usage(c, "standard input: several events must be one array");
        return NULL;
    }
    if (j == NULL) {
        (void)ctl_usage(c, "%s: is no JSON: %s", whole ? "standard input" : "data", e.msg);
        return NULL;
    }
    if (!whole) {
        json_t *event = js_pack("{s:s, s:o}", "name", name, "data", j);
        if (event == NULL)
            (void)ctl_usage(c, "event: its name is no UTF-8");
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
    json_t *j = js_parse_sent(user, strlen(user), NULL, &e);
    if (j == NULL)
        return ctl_usage(c, "--user: is no JSON: %s", e.msg) == EXIT_FINE;
    (void)json_object_set_new(body, "user", j);
    return true;
}

/* ---- who listens ---- */

static void add_triggers(json_t *heard, const char *manifest, size_t len)
{
    struct err e;
    size_t i;
    json_t *name;
    auto_json *j = js_parse_own(manifest, len, &e);
    json_array_foreach (js_get(j, "triggers"), i, name)
        (void)json_object_set_new(heard, json_string_value(name), json_true());
}

/* The names that functions listen to, of the store that has the events; NULL when it knows no function, or is away now. */
static json_t *heard_names(struct ctl *c, bool in_postgres)
{
    struct err e;
    auto_json *heard = json_object();
    auto_reply *hash = in_postgres ? NULL : kv_cmd(c->kv, &e, "HVALS %s", KEY_FUNCTIONS);
    auto_result *rows = in_postgres ? DB_QUERY(c->db, &e, "list_functions") : NULL;
    size_t n = hash != NULL ? hash->elements : rows != NULL ? (size_t)PQntuples(rows) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *own = rows != NULL ? db_text(rows, (int)i, "manifest") : hash->element[i]->str;
        add_triggers(heard, own, strlen(own));
    }
    return n > 0 ? json_incref(heard) : NULL;
}

/* The names that start nothing, each once. Events of such names are accepted: a run may wait for them. */
static json_t *unheard_of(struct ctl *c, const struct ingest *in, bool in_postgres)
{
    json_t *unheard = json_array();
    auto_json *heard = heard_names(c, in_postgres);
    for (size_t i = 0; heard != NULL && i < in->count; i++) {
        const char *name = in->events[i].name;
        if (json_object_get(heard, name) == NULL) {
            (void)json_object_set_new(heard, name, json_true());
            (void)json_array_append_new(unheard, json_string(name));
        }
    }
    return unheard;
}

static int tell(struct ctl *c, const struct ingest *in, const char *durable)
{
    size_t i;
    json_t *name;
    auto_json *ids = json_array();
    auto_json *unheard = unheard_of(c, in, strcmp(durable, "postgres") == 0);
    for (i = 0; i < in->count; i++)
        (void)json_array_append_new(ids, json_string(in->events[i].eid));
    if (c->json) {
        auto_json *j =
            js_pack("{s:O, s:s, s:O}", "ids", ids, "durable", durable, "unheard", unheard);
        out_json(j);
        return EXIT_FINE;
    }
    for (i = 0; i < in->count; i++)
        out_say(c, "%s", in->events[i].eid);
    json_array_foreach (unheard, i, name)
        (void)fprintf(stderr, "chronosctl send: no function listens to %s\n",
                      json_string_value(name));
    return EXIT_FINE;
}

static int run(struct ctl *c)
{
    struct err e;
    struct ingest in;
    const struct ingest *all = &in;
    int code;
    const char *durable = ctl_option(c, "durable");
    durable = durable != NULL ? durable : c->conf.console_durable;
    auto_json *body = read_body(c);
    if (body == NULL || !add_options(c, body))
        return EXIT_USAGE;
    if (!ingest_read(&in, body, c->conf.max_event_bytes, &e)) {
        code = ctl_usage(c, "%s", e.msg);
    } else {
        ingest_name(&in, NULL);
        bool ok = in.count == 0 ||
                  (strcmp(durable, "postgres") == 0 ? ingest_to_postgres(&in, c->db, &e)
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
                {"at", "TIME", LATER,
                 "in the future: its runs start then; a time, or how long from now as 2h"},
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
