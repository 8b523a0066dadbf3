/* routes_functions.c: functions, and what holds their runs back. */
#include "api.h"
#include "functions.h"
#include "js.h"
#include "limiting.h"
#include "route.h"

static void list_functions(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, functions_list(&d, &e), &e);
}

static void get_function(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, function_get(&d, r->parts[0], &e), &e);
}

static void set_mode(struct request *r, const char *mode)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, function_pause(&d, r->parts[0], mode, &e), &e);
}

static void pause_function(struct request *r)
{
    set_mode(r, "pause");
}

static void drain_function(struct request *r)
{
    set_mode(r, "drain");
}

static void resume_function(struct request *r)
{
    set_mode(r, "resume");
}

static void trigger(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    auto_json *body = request_object(r);
    if (body != NULL)
        api_answer(r, &d, function_trigger(&d, r->parts[0], js_get(body, "data"), &e), &e);
}

static void retire(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, function_retire(&d, r->parts[0], &e), &e);
}

/* ---- limits ---- */

static void list_limits(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, limits_list(&d, &e), &e);
}

static void set_limit(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    const char *name, *owner;
    long max;
    auto_json *body = request_object(r);
    if (body != NULL && api_text(r, body, "name", true, &name) &&
        api_text(r, body, "owner", false, &owner) && api_whole(r, body, "max", 0, 1000000, &max))
        api_answer(r, &d, limit_set(&d, name, owner, max, &e), &e);
}

static void set_budget(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    const char *owner;
    double usd;
    auto_json *body = request_object(r);
    if (body != NULL && api_text(r, body, "owner", true, &owner) &&
        api_number(r, body, "usd", 0, 1000000, &usd))
        api_answer(r, &d, budget_set(&d, owner, usd, &e), &e);
}

static void list_weights(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    api_answer(r, &d, weights_list(&d, &e), &e);
}

static void set_weight(struct request *r)
{
    struct desk d = api_desk(r);
    struct err e = {0};
    const char *owner;
    double weight;
    auto_json *body = request_object(r);
    if (body != NULL && api_text(r, body, "owner", true, &owner) &&
        api_number(r, body, "weight", 0.01, 1000, &weight))
        api_answer(r, &d, weight_set(&d, owner, weight, &e), &e);
}

const struct route routes_functions[] = {
    {"GET", "/v1/functions", ACCESS_READ, list_functions,
     "Functions with their config, live counts and schedules", .name_of_data = "Function"},
    {"GET", "/v1/functions/{id}", ACCESS_READ, get_function, "One function",
     .name_of_data = "Function"},
    {"POST", "/v1/functions/{id}/pause", ACCESS_ADMIN, pause_function,
     "No run of it gets a slot any more; begun ones stop after their step", .fields = "",
     .name_of_data = "Done"},
    {"POST", "/v1/functions/{id}/drain", ACCESS_ADMIN, drain_function,
     "No run of it begins; begun ones end", .fields = "", .name_of_data = "Done"},
    {"POST", "/v1/functions/{id}/resume", ACCESS_ADMIN, resume_function,
     "Takes back pause and drain", .fields = "", .name_of_data = "Done"},
    {"POST", "/v1/functions/{id}/trigger", ACCESS_ADMIN, trigger,
     "Starts it now: a scheduled one as its schedule does (without data), others with data",
     .fields = "data", .name_of_data = "Done"},
    {"POST", "/v1/functions/{id}/retire", ACCESS_ADMIN, retire,
     "Ends a function that no worker executes any more: it is forgotten, its live runs are "
     "cancelled",
     .fields = "", .name_of_data = "Done"},
    {"GET", "/v1/limits", ACCESS_READ, list_limits,
     "Limits: maxima, who has set them, and what is used", .name_of_data = "Limit"},
    {"POST", "/v1/limits", ACCESS_ADMIN, set_limit,
     "Another maximum for a limit, or for one owner's; null: as declared",
     .fields = "name, owner, max", .name_of_data = "Done"},
    {"POST", "/v1/budgets", ACCESS_ADMIN, set_budget,
     "What an owner's runs may cost in an hour, in US dollars; null: as set for all",
     .fields = "owner, usd", .name_of_data = "Done"},
    {"GET", "/v1/weights", ACCESS_READ, list_weights, "Whose turns count more or less than 1",
     .name_of_data = "Weight"},
    {"POST", "/v1/weights", ACCESS_ADMIN, set_weight,
     "How many turns an owner gets compared with others; null: 1", .fields = "owner, weight",
     .name_of_data = "Done"},
    {0},
};
