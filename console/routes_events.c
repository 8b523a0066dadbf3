/* routes_events.c: events in, as the official SDK sends them. */
#include <string.h>

#include "console.h"
#include "daemon.h"
#include "ingest.h"
#include "js.h"
#include "route.h"

enum { SMALL_BODY = 4096 };

/* A request and what it brought. */
struct arrival {
    struct request *request;
    json_t *body;
    struct ingest in; /* borrows of the body */
};

static const char *asked_durable(const struct request *r)
{
    const char *asked = request_query(r, "durable");
    return asked != NULL ? asked : r->console->conf->console_durable;
}

static bool is_for_redis(const struct request *r)
{
    return strcmp(asked_durable(r), "redis") == 0;
}

/* Not large ones: to read those takes longer than a round trip, and several threads can. */
static bool may_bundle(const struct request *r)
{
    return is_for_redis(r) && r->body.len <= SMALL_BODY;
}

static bool check_durable(struct request *r)
{
    const char *durable = asked_durable(r);
    if (strcmp(durable, "redis") == 0 || strcmp(durable, "postgres") == 0)
        return true;
    reply_error(r, 400, "invalid_input", "durable", "durable must be redis or postgres");
    return false;
}

static json_t *read_body(struct request *r)
{
    auto_json *body = request_json(r, "[0].");
    if (body == NULL || json_is_object(body) || json_is_array(body))
        return steal(&body);
    reply_error(r, 400, "invalid_json", "body", "the body must be an event or an array of events");
    return NULL;
}

/* false, and answered, when anything is wrong with it; the caller forgets it in either case. */
static bool read_arrival(struct arrival *a, struct request *r)
{
    struct err e;
    *a = (struct arrival){.request = r};
    a->body = check_durable(r) ? read_body(r) : NULL;
    if (a->body == NULL)
        return false;
    if (!ingest_read(&a->in, a->body, r->console->conf->max_event_bytes, &e) ||
        !(is_for_redis(r) || ingest_fits_postgres(&a->in, a->body, &e))) {
        reply_error(r, 400, "invalid_input", a->in.field[0] != '\0' ? a->in.field : NULL, "%s",
                    e.msg);
        return false;
    }
    ingest_name(&a->in, request_header(r, SEED_HEADER));
    return true;
}

static void forget_arrival(struct arrival *a)
{
    ingest_release(&a->in);
    json_decref(a->body);
}

static void answer(struct arrival *a, bool kept, const struct err *e)
{
    struct request *r = a->request;
    if (!kept) {
        if (e->code == ERR_INPUT)
            reply_refusal(r, a->in.field[0] != '\0' ? a->in.field : "body", e);
        else
            reply_failure(r, e);
        return;
    }
    json_t *ids = json_array();
    for (size_t i = 0; i < a->in.count; i++)
        (void)json_array_append_new(ids, json_string(a->in.events[i].eid));
    reply_json(r, 200, js_pack("{s:o, s:i}", "ids", ids, "status", 200));
    reply_header(r, "X-Chronos-Durable", asked_durable(r));
}

/* The good ones of several requests in one call of Redis: it has all of them, or they fail together. */
static void send_bundle(struct request *const requests[], size_t n)
{
    struct arrival arrivals[MOST_BUNDLED];
    const struct ingest *good[MOST_BUNDLED] = {NULL};
    size_t count = 0;
    struct err e;
    for (size_t i = 0; i < n; i++) {
        if (read_arrival(&arrivals[i], requests[i]))
            good[count++] = &arrivals[i].in;
    }
    bool kept = ingest_to_redis(good, count, requests[0]->kv, &e);
    for (size_t i = 0; i < n; i++) {
        if (requests[i]->reply.status == 0)
            answer(&arrivals[i], kept, &e);
        forget_arrival(&arrivals[i]);
    }
}

static void send_events(struct request *r)
{
    struct arrival a;
    struct err e;
    if (is_for_redis(r)) {
        send_bundle(&r, 1);
        return;
    }
    if (read_arrival(&a, r))
        answer(&a, a.in.count == 0 || ingest_to_postgres(&a.in, r->db, &e), &e);
    forget_arrival(&a);
}

/* Pages of other sites may send events when they know a key. */
static void allow_pages(struct request *r)
{
    reply_text(r, 204, NULL, "", 0);
    if (r->console->open)
        return;
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
     .name_of_data = "Accepted", .handle_bundle = send_bundle, .may_bundle = may_bundle},
    {"OPTIONS", "/e/{key}", ACCESS_PUBLIC, allow_pages,
     "Says whether pages of other sites may send events", .quick = true, .cross_site = true},
    {"POST", "/v1/events", ACCESS_ADMIN, send_events,
     "The same with an admin key, for the console's own page", .query = "durable",
     .name_of_data = "Accepted", .handle_bundle = send_bundle, .may_bundle = may_bundle},
    {"GET", "/dev", ACCESS_PUBLIC, discover, "How the SDK finds a server for development",
     .quick = true, .name_of_data = "Dev"},
    {0},
};
