/* routes_events.c: events in, as the official SDK sends them. */
#include <string.h>

#include "console.h"
#include "daemon.h"
#include "ingest.h"
#include "js.h"
#include "route.h"

static const char *durable_of(struct request *r)
{
    const char *asked = request_query(r, "durable");
    const char *durable = asked != NULL ? asked : r->console->conf->console_durable;
    if (strcmp(durable, "redis") == 0 || strcmp(durable, "postgres") == 0)
        return durable;
    reply_error(r, 400, "invalid_input", "durable", "durable must be redis or postgres");
    return NULL;
}

static void reply_ids(struct request *r, const struct ingest *in, const char *durable)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < in->count; i++)
        (void)json_array_append_new(ids, json_string(in->events[i].eid));
    reply_json(r, 200, js_pack("{s:o, s:i}", "ids", ids, "status", 200));
    reply_header(r, "X-Chronos-Durable", durable);
}

static void take_in(struct request *r, const json_t *body, const char *durable)
{
    const char *seed = request_header(r, "x-inngest-event-id-seed");
    struct ingest in;
    struct err e;
    if (!ingest_read(&in, body, r->console->conf->max_event_bytes, &e)) {
        reply_error(r, 400, "invalid_input", in.field[0] != '\0' ? in.field : NULL, "%s", e.msg);
        ingest_release(&in);
        return;
    }
    ingest_name(&in, seed);
    bool ok = in.count == 0 ||
              (strcmp(durable, "postgres") == 0 ? ingest_to_postgres(&in, seed, r->db, &e)
                                                : ingest_to_redis(&in, r->kv, &e));
    if (ok)
        reply_ids(r, &in, durable);
    else
        reply_failure(r, &e);
    ingest_release(&in);
}

static void send_events(struct request *r)
{
    struct err e;
    const char *durable = durable_of(r);
    if (durable == NULL)
        return;
    auto_json *body = js_parse(r->body.data, r->body.len, &e);
    if (body == NULL)
        reply_error(r, 400, "invalid_json", NULL, "the body is not JSON: %.200s", e.msg);
    else if (!json_is_object(body) && !json_is_array(body))
        reply_error(r, 400, "invalid_json", NULL,
                    "the body must be an event or an array of events");
    else
        take_in(r, body, durable);
    if (!r->console->open)
        reply_header(r, "Access-Control-Allow-Origin", "*");
}

/* Pages of other sites may send events when they know a key. */
static void allow_pages(struct request *r)
{
    reply_text(r, 204, NULL, "", 0);
    if (r->console->open)
        return;
    reply_header(r, "Access-Control-Allow-Origin", "*");
    reply_header(r, "Access-Control-Allow-Methods", "POST, OPTIONS");
    reply_header(r, "Access-Control-Allow-Headers", "*");
    reply_header(r, "Access-Control-Max-Age", "3600");
}

/* How the SDK finds a server for development. One with keys is none. */
static void discover(struct request *r)
{
    if (!r->console->open) {
        reply_error(r, 404, "not_found", NULL, "this is no server for development: keys are set");
        return;
    }
    reply_json(r, 200,
               js_pack("{s:s, s:b, s:{}, s:[], s:[], s:b, s:{}}", "version", daemon_version,
                       "authed", false, "startOpts", "functions", "handlers", "isSingleNodeService",
                       false, "features"));
}

const struct route routes_events[] = {
    {"POST", "/e/{key}", ACCESS_EVENT, send_events,
     "Takes one event or an array of them, all or none", .cross_site = true,
     .name_of_data = "Accepted"},
    {"OPTIONS", "/e/{key}", ACCESS_PUBLIC, allow_pages,
     "Says whether pages of other sites may send events", .quick = true, .cross_site = true},
    {"POST", "/v1/events", ACCESS_ADMIN, send_events,
     "The same with an admin key, for the console's own page", .name_of_data = "Accepted"},
    {"GET", "/dev", ACCESS_PUBLIC, discover, "How the SDK finds a server for development",
     .quick = true, .name_of_data = "Dev"},
    {0},
};
