/* routes_runs.c: runs and events, to look at and to steer. */
#include <string.h>

#include "api.h"
#include "events.h"
#include "js.h"
#include "route.h"
#include "runs.h"
#include "steer.h"
#include "when.h"

#define FILTER "function, status, creator, after, before, q, event_name"

/* ---- reading ---- */

static void list_events(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    int64_t after, before;
    int limit;
    char *next;
    if (!api_time(r, "received_after", &after) || !api_time(r, "received_before", &before) ||
        !api_limit(r, &limit))
        return;
    json_t *list = events_list(&d, request_query(r, "name"), after, before, limit,
                               request_query(r, "cursor"), &next, &e);
    api_answer_page(r, &d, list, next, &e);
}

static void get_event(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, event_get(&d, r->parts[0], &e), &e);
}

static void get_runs_of_event(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, runs_of_event(&d, r->parts[0], &e), &e);
}

static void list_runs(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    struct run_filter f = {
        .function = request_query(r, "function"),
        .status = request_query(r, "status"),
        .creator = request_query(r, "creator"),
        .event_name = request_query(r, "event_name"),
        .q = request_query(r, "q"),
    };
    int limit;
    char *next;
    if (!api_time(r, "after", &f.after_ms) || !api_time(r, "before", &f.before_ms) ||
        !api_limit(r, &limit))
        return;
    json_t *list = runs_list(&d, &f, limit, request_query(r, "cursor"), &next, &e);
    api_answer_page(r, &d, list, next, &e);
}

static void get_run(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, run_get(&d, r->parts[0], &e), &e);
}

static void get_why(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, run_why(&d, r->parts[0], &e), &e);
}

/* ---- steering ---- */

static void cancel(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    const char *reason;
    auto_json *body = request_object(r);
    if (body != NULL && api_text(r, body, "reason", false, &reason))
        api_answer(r, &d, run_cancel(&d, r->parts[0], reason, &e), &e);
}

/* As the official REST API has it: 200 also when there is nothing left to cancel. */
static void delete_run(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    auto_json *run = run_get(&d, r->parts[0], &e);
    if (run != NULL && js_str(run, "ended_at") != NULL)
        reply_data(r, js_pack("{s:s, s:i}", "done", "the run had ended before", "audit_id", 0));
    else
        api_answer(r, &d, run != NULL ? run_cancel(&d, r->parts[0], NULL, &e) : NULL, &e);
}

static void retry(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, run_retry(&d, r->parts[0], &e), &e);
}

static void replay(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, run_replay(&d, r->parts[0], &e), &e);
}

/* ---- many ---- */

static bool read_action(struct request *r, const json_t *body, enum bulk_action *ret)
{
    static const char *const names[] = {"cancel", "retry", "replay"};
    const char *action = js_str(body, "action");
    for (size_t i = 0; action != NULL && i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], action) == 0) {
            *ret = (enum bulk_action)i;
            return true;
        }
    }
    reply_error(r, 400, "invalid_input", "action", "action must be cancel, retry or replay");
    return false;
}

static bool read_when(struct request *r, const json_t *filter, const char *name, int64_t *ret_ms)
{
    const char *text;
    if (json_is_integer(json_object_get(filter, name))) {
        *ret_ms = json_integer_value(json_object_get(filter, name));
        return true;
    }
    if (!api_text(r, filter, name, false, &text))
        return false;
    if (text == NULL || when_parse(text, ret_ms))
        return true;
    reply_error(r, 400, "invalid_input", name,
                "%s must be a time, as 2026-01-05T06:00:00Z, or milliseconds since 1970", name);
    return false;
}

/* A word that is misspelt would mean many more runs than were meant. */
static bool check_words(struct request *r, const json_t *filter)
{
    const char *name;
    json_t *v;
    json_object_foreach ((json_t *)filter, name, v) {
        if (!request_is_known(FILTER, name)) {
            reply_error(r, 400, "invalid_input", "filter",
                        "filter.%.64s is not known; there are " FILTER, name);
            return false;
        }
    }
    return true;
}

static bool read_filter(struct request *r, const json_t *filter, struct run_filter *f)
{
    if (filter != NULL && !json_is_object(filter)) {
        reply_error(r, 400, "invalid_input", "filter",
                    "filter must be an object, as {\"function\": \"…\", \"status\": \"failed\"}");
        return false;
    }
    return check_words(r, filter) && api_text(r, filter, "function", false, &f->function) &&
           api_text(r, filter, "status", false, &f->status) &&
           api_text(r, filter, "creator", false, &f->creator) &&
           api_text(r, filter, "event_name", false, &f->event_name) &&
           api_text(r, filter, "q", false, &f->q) && read_when(r, filter, "after", &f->after_ms) &&
           read_when(r, filter, "before", &f->before_ms);
}

static bool read_flag(struct request *r, const json_t *body, const char *name, bool otherwise,
                      bool *ret)
{
    const json_t *v = json_object_get(body, name);
    *ret = v != NULL ? json_is_true(v) : otherwise;
    if (v == NULL || json_is_boolean(v))
        return true;
    reply_error(r, 400, "invalid_input", name, "%s must be true or false", name);
    return false;
}

/* All of the runs are never meant by leaving a word out. */
static bool check_meant(struct request *r, const struct run_filter *f, bool all)
{
    bool is_empty = f->function == NULL && f->status == NULL && f->creator == NULL &&
                    f->event_name == NULL && f->q == NULL && f->after_ms == 0 && f->before_ms == 0;
    if (is_empty == all)
        return true;
    if (all)
        reply_error(r, 400, "invalid_input", "all",
                    "\"all\": true and a filter exclude each other");
    else
        reply_error(r, 400, "invalid_input", "filter",
                    "filter must say which runs, as {\"status\": \"failed\"}; for all of them send "
                    "\"all\": true in its place");
    return false;
}

static void bulk(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    struct run_filter f = {0};
    enum bulk_action action;
    bool dry, all;
    long limit = 1000;
    const char *reason;
    auto_json *body = request_object(r);
    if (body == NULL || !read_action(r, body, &action) ||
        !read_filter(r, json_object_get(body, "filter"), &f) ||
        !read_flag(r, body, "all", false, &all) || !check_meant(r, &f, all) ||
        !read_flag(r, body, "dry_run", true, &dry) ||
        !api_text(r, body, "reason", false, &reason) ||
        (json_object_get(body, "limit") != NULL && !api_whole(r, body, "limit", 1, 10000, &limit)))
        return;
    api_answer(r, &d, runs_bulk(&d, action, &f, limit > 0 ? (int)limit : 1000, dry, reason, &e),
               &e);
}

const struct route routes_runs[] = {
    {"GET", "/v1/events", ACCESS_READ, list_events, "Events, newest first",
     .query = "name, received_after, received_before, limit, cursor", .name_of_data = "Event"},
    {"GET", "/v1/events/{id}", ACCESS_READ, get_event, "One event", .name_of_data = "Event"},
    {"GET", "/v1/events/{id}/runs", ACCESS_READ, get_runs_of_event,
     "The runs that it started, with their outputs", .name_of_data = "Run"},
    {"GET", "/v1/runs", ACCESS_READ, list_runs,
     "Runs, newest first: live ones and those that have ended", .query = FILTER ", limit, cursor",
     .name_of_data = "Run"},
    {"POST", "/v1/runs/bulk", ACCESS_ADMIN, bulk,
     "The same for all runs that fit a filter; first without doing it",
     .fields = "action, filter, all, dry_run, limit, reason", .name_of_data = "Bulk"},
    {"GET", "/v1/runs/{id}", ACCESS_READ, get_run, "One run with its steps and their attempts",
     .name_of_data = "RunDetail"},
    {"DELETE", "/v1/runs/{id}", ACCESS_ADMIN, delete_run,
     "Cancels it, as the official REST API does: also 200 when it has ended",
     .name_of_data = "Done"},
    {"GET", "/v1/runs/{id}/why", ACCESS_READ, get_why,
     "Why it is not running: what blocks it, who holds that, its place, since when",
     .name_of_data = "Why"},
    {"POST", "/v1/runs/{id}/cancel", ACCESS_ADMIN, cancel, "Ends it before its time",
     .fields = "reason", .name_of_data = "Done"},
    {"POST", "/v1/runs/{id}/retry", ACCESS_ADMIN, retry,
     "Goes on with it from the step that failed, as a new run", .fields = "",
     .name_of_data = "Done"},
    {"POST", "/v1/runs/{id}/replay", ACCESS_ADMIN, replay,
     "Runs it again from the start, as a new run", .fields = "", .name_of_data = "Done"},
    {0},
};
