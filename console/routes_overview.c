/* routes_overview.c: the engine as a whole: figures, workers, what was refused, and who changed what. */
#include "api.h"
#include "audit.h"
#include "js.h"
#include "overview.h"
#include "rejected.h"
#include "route.h"
#include "workers.h"

static void overview(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, overview_get(&d, &e), &e);
}

static void list_workers(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, workers_list(&d, &e), &e);
}

static void list_rejected(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    int limit;
    char *next;
    if (!api_limit(r, &limit))
        return;
    json_t *list = rejected_list(&d, limit, request_query(r, "cursor"), &next, &e);
    api_answer_page(r, &d, list, next, &e);
}

static void get_rejected(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, rejected_get(&d, r->parts[0], &e), &e);
}

static void resend(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    auto_json *body = request_object(r);
    if (body != NULL)
        api_answer(r, &d, rejected_resend(&d, r->parts[0], json_object_get(body, "event"), &e), &e);
}

static void list_audit(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    int limit;
    char *next;
    if (!api_limit(r, &limit))
        return;
    json_t *list =
        audit_list(&d, request_query(r, "action"), request_query(r, "target"),
                   request_query(r, "who"), limit, request_query(r, "cursor"), &next, &e);
    api_answer_page(r, &d, list, next, &e);
}

const struct route routes_overview[] = {
    {"GET", "/v1/overview", ACCESS_READ, overview,
     "How it goes: throughput, failures, backlog, limits, creators, schedules",
     .name_of_data = "Overview"},
    {"GET", "/v1/workers", ACCESS_READ, list_workers,
     "Live workers and what each of their threads is doing", .name_of_data = "Worker"},
    {"GET", "/v1/rejected", ACCESS_READ, list_rejected,
     "Entries that could not be read as events, newest first", .query = "limit, cursor",
     .name_of_data = "Rejected"},
    {"GET", "/v1/rejected/{id}", ACCESS_READ, get_rejected, "One of them with all that came",
     .name_of_data = "RejectedDetail"},
    {"POST", "/v1/rejected/{id}/resend", ACCESS_ADMIN, resend, "Sends an event in its place",
     .fields = "event", .name_of_data = "Done"},
    {"GET", "/v1/audit", ACCESS_READ, list_audit,
     "What was changed: who, what, when, from where; newest first",
     .query = "action, target, who, limit, cursor", .name_of_data = "Audit"},
    {0},
};
