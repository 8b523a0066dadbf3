/* why.c: why a run is not running at this moment. Redis knows where it is; what it stands behind is asked of it in the same way as
 * chronos-scheduler --explain does, and more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "js.h"
#include "key.h"
#include "limiting.h"
#include "row.h"
#include "runs.h"
#include "workers.h"

enum { MOST_HOLDERS = 20 };

/* An answer while it is put together. */
struct why {
    struct desk *d;
    const char *id;
    struct description x;
    json_t *told; /* what explain_run says: name → text */
    json_t *limit, *holders;
    json_int_t position, length, ahead; /* below 0 = none */
    int64_t since_ms;
    char reason[1200];
};

static json_t *holder_of(const char *id, const struct description *x)
{
    return js_pack("{s:s, s:o, s:o, s:o}", "run_id", id, "function_id", json_text(x->function),
                   "creator_id", json_text(x->creator), "since",
                   json_time(x->since_ms > 0 ? x->since_ms : x->started_ms));
}

static bool add_holders(struct why *w, const redisReply *held, struct err *e)
{
    const char *ids[MOST_HOLDERS];
    struct description found[MOST_HOLDERS];
    size_t n = held->type == REDIS_REPLY_ARRAY ? held->elements : 0;
    for (size_t i = 0; i < n && i < MOST_HOLDERS; i++)
        ids[i] = held->element[i]->str;
    n = n < MOST_HOLDERS ? n : MOST_HOLDERS;
    if (!describe_runs(w->d, ids, n, found, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(w->holders, holder_of(ids[i], &found[i]));
        description_release(&found[i]);
    }
    return true;
}

/* A limit as limits_list gives it. */
struct limit {
    char name[LIMIT_SHOWN_SIZE];
    const char *owner; /* NULL: counted over all */
    bool usd;
    double max, used;
};

/* "fn/x:8c0e…": no name has a colon. */
static bool split(struct desk *d, struct limit *l, const char *full, struct err *e)
{
    const char *colon = strchr(full, ':');
    l->owner = colon != NULL ? colon + 1 : NULL;
    return limit_shown(d, full, l->name, e);
}

static double in_unit(const redisReply *number, bool usd)
{
    double v = strtod(number->str, NULL);
    return usd ? v / 1e6 : v;
}

static bool tell_pause(struct why *w, struct err *e)
{
    char prefix[PREFIX_SIZE], key[KEY_SIZE];
    key_prefix(w->x.partition, prefix);
    auto_reply *r =
        kv_cmd(w->d->kv, e, "HGET %s pause/%s", key2(key, prefix, "controls"), w->x.function);
    if (r == NULL)
        return false;
    bool drained = r->type == REDIS_REPLY_STRING && strcmp(r->str, "drain") == 0;
    (void)snprintf(w->reason, sizeof(w->reason),
                   "an operator has %s the function %s; chronosctl resume %s lets its runs %s",
                   drained ? "drained" : "paused", w->x.function, w->x.function,
                   drained ? "begin" : "go on");
    return true;
}

/* By an operator. A partition's share of what all share may be 0, too. */
static bool is_set_to_nothing(struct why *w, const char *full, bool *ret, struct err *e)
{
    auto_result *r = DB_QUERY(w->d->db, e, "list_overrides");
    *ret = false;
    for (int i = 0; r != NULL && !*ret && i < PQntuples(r); i++)
        *ret = strcmp(db_text(r, i, "kind"), "limit") == 0 &&
               strcmp(db_text(r, i, "name"), full) == 0 && db_int(r, i, "value", -1) == 0;
    return r != NULL;
}

static void tell_full(struct why *w, const struct limit *l, bool is_nothing)
{
    const char *owner = l->owner != NULL ? l->owner : "", *space = *owner != '\0' ? " " : "",
               *of = *owner != '\0'     ? " of "
                     : l->owner != NULL ? " of nobody" /* of events that name no creator */
                                        : "";
    if (is_nothing)
        (void)snprintf(w->reason, sizeof(w->reason),
                       "an operator has set the limit %s%s%s to 0, which admits nobody; chronosctl "
                       "limits %s%s%s --clear takes that back",
                       l->name, of, owner, l->name, space, owner);
    else if (l->usd)
        (void)snprintf(w->reason, sizeof(w->reason),
                       "the %s%s%s is used up: $%.2f of $%.2f in the last hour", l->name, of, owner,
                       l->used, l->max);
    else
        (void)snprintf(w->reason, sizeof(w->reason), "the limit %s%s%s is full: %.0f of %.0f %s",
                       l->name, of, owner, l->used, l->max,
                       l->max == 1 ? "run holds it" : "runs hold it");
}

static bool tell_limit(struct why *w, const redisReply *r, struct err *e)
{
    const char *full = r->element[0]->str;
    if (*full == '\0') {
        (void)snprintf(w->reason, sizeof(w->reason),
                       "it is next: there is room, and its turn comes in a moment");
        return true;
    }
    struct limit l = {.usd = strcmp(r->element[3]->str, "runs") != 0};
    l.max = in_unit(r->element[1], l.usd);
    l.used = in_unit(r->element[2], l.usd);
    bool paused = strncmp(full, "paused/", 7) == 0, is_nothing = false;
    if (!split(w->d, &l, full, e) || (paused && !tell_pause(w, e)) ||
        (!paused && l.max == 0 && !is_set_to_nothing(w, full, &is_nothing, e)))
        return false;
    if (!paused)
        tell_full(w, &l, is_nothing);
    json_decref(w->limit);
    w->limit = js_pack("{s:s, s:o, s:f, s:f, s:s}", "name", l.name, "owner", json_text(l.owner),
                       "max", l.max, "used", l.used, "unit", l.usd ? "usd" : "runs");
    return true;
}

static bool ask_wait(struct why *w, struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, w->id);
    kv_addi(&a, MOST_HOLDERS);
    key_prefix(w->x.partition, prefix);
    auto_reply *r = kv_script(w->d->kv, "explain_wait", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    if (r->elements < 8) {
        (void)snprintf(w->reason, sizeof(w->reason), "it has just gone on");
        return true;
    }
    if (!tell_limit(w, r, e))
        return false;
    w->position = r->element[4]->integer + 1;
    w->length = r->element[5]->integer;
    w->ahead = r->element[6]->integer;
    return add_holders(w, r->element[7], e);
}

static bool ask_explain(struct why *w, struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, w->id);
    key_prefix(w->x.partition, prefix);
    auto_reply *r = kv_script(w->d->kv, "explain_run", prefix, &a, e);
    kv_args_release(&a);
    for (size_t i = 0; r != NULL && i + 1 < r->elements; i += 2)
        (void)json_object_set_new(w->told, r->element[i]->str, json_text(r->element[i + 1]->str));
    return r != NULL;
}

static bool find_since(struct why *w, struct err *e)
{
    auto_result *r = DB_QUERY(w->d->db, e, "last_step_ms", w->id);
    if (r == NULL)
        return false;
    int64_t last = db_int(r, 0, "ms", 0);
    w->since_ms = w->x.since_ms > 0         ? w->x.since_ms
                  : last > w->x.accepted_ms ? last
                                            : w->x.accepted_ms;
    return true;
}

static void tell(struct why *w, int workers)
{
    const char *step = js_str(w->told, "step"), *child = js_str(w->told, "reason");
    const char *named = step != NULL ? step : "its next step";
    const char *service = js_str(w->told, "service");
    if (service != NULL) { /* whatever else it looks like */
        (void)snprintf(w->reason, sizeof(w->reason),
                       "it waits for the outside service %.64s, and asks again at its time: %.200s",
                       service, child != NULL ? child : "");
        return;
    }
    switch (w->x.state) {
    case RUN_RUNNING:
        (void)snprintf(w->reason, sizeof(w->reason), "it is running on %.200s", w->x.worker);
        break;
    case RUN_READY:
        (void)snprintf(
            w->reason, sizeof(w->reason),
            workers == 0
                ? "no live worker executes %.200s: it waits for one whose build has it"
                : "it may run, and waits for a free thread of a worker that executes %.200s",
            w->x.function);
        break;
    case RUN_SLEEPING:
        (void)snprintf(w->reason, sizeof(w->reason),
                       w->x.started_ms > 0 ? "it sleeps until its time" : "it begins at its time");
        break;
    case RUN_COLLECTING:
        (void)snprintf(w->reason, sizeof(w->reason), "it collects events until its time");
        break;
    case RUN_RETRYING:
        (void)snprintf(w->reason, sizeof(w->reason),
                       "the step %.128s failed and is tried again at its time", named);
        break;
    case RUN_WAITING_FOR_EVENT:
        (void)snprintf(w->reason, sizeof(w->reason), "the step %.128s waits for an event", named);
        break;
    case RUN_WAITING_FOR_FUNCTION:
        (void)snprintf(w->reason, sizeof(w->reason),
                       "the step %.128s waits for the function %.128s", named,
                       child != NULL ? child : "");
        break;
    case RUN_WAITING_FOR_BRANCHES:
        (void)snprintf(w->reason, sizeof(w->reason), "it waits for its branches: %.128s",
                       child != NULL ? child : "");
        break;
    default:
        break;
    }
}

static json_t *positive(json_int_t v)
{
    return v >= 0 ? json_integer(v) : json_null();
}

static json_t *answer(struct why *w, int workers)
{
    const struct description *x = &w->x;
    return js_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:i, s:O, s:O, s:o, s:o, s:o, s:i}",
        "run_id", w->id, "state", run_state_name(x->ended ? RUN_RUNNING : x->state), "reason",
        w->reason, "since", json_time(w->since_ms), "due_at", json_time(x->due_ms), "step",
        json_text(x->failing[0] != '\0' ? x->failing : js_str(w->told, "step")), "error",
        json_text(x->failure), "attempt", x->attempts, "worker", json_text(x->worker), "cancelling",
        json_text(x->cancelling), "workers", workers, "limit", w->limit, "holders", w->holders,
        "position", positive(w->position), "queue_length", positive(w->length), "queues_ahead",
        positive(w->ahead), "partition", x->partition);
}

static json_t *explain_live(struct why *w, struct err *e)
{
    int workers;
    bool ok = workers_of(w->d, w->x.function, &workers, e) && ask_explain(w, e) && find_since(w, e);
    if (ok && w->x.ended)
        (void)snprintf(w->reason, sizeof(w->reason), "it has ended, and is being recorded");
    else if (ok && w->x.state == RUN_WAITING)
        ok = ask_wait(w, e);
    else if (ok)
        tell(w, workers);
    return ok ? answer(w, workers) : NULL;
}

/* It is not in Redis. */
static json_t *explain_other(struct desk *d, const char *id, struct err *e)
{
    auto_json *run = run_get(d, id, e);
    if (run == NULL)
        return NULL;
    const char *state = js_str(run, "state"), *ended = js_str(run, "ended_at"),
               *queued = js_str(run, "queued_at");
    char reason[200];
    if (ended != NULL)
        (void)snprintf(reason, sizeof(reason), "it has ended: %s", state);
    else
        (void)snprintf(reason, sizeof(reason),
                       "it is accepted, and a scheduler is about to put it into Redis");
    return js_pack(
        "{s:s, s:s, s:s, s:s?, s:n, s:n, s:O?, s:O, s:O?, s:n, s:n, s:n, s:[], s:n, s:n, s:n, s:i}",
        "run_id", id, "state", state, "reason", reason, "since", ended != NULL ? ended : queued,
        "due_at", "step", "error", js_get(run, "error.message"), "attempt",
        json_object_get(run, "attempts"), "worker", js_get(run, "worker"), "cancelling", "workers",
        "limit", "holders", "position", "queue_length", "queues_ahead", "partition", 0);
}

json_t *run_why(struct desk *d, const char *id, struct err *e)
{
    struct why w = {.d = d, .id = id, .position = -1, .length = -1, .ahead = -1};
    if (id_ms(id) < 0)
        return desk_missing(d, "id", e, "there is no run %.64s", id);
    if (!describe_runs(d, &id, 1, &w.x, e))
        return NULL;
    if (!w.x.found)
        return explain_other(d, id, e);
    w.told = json_object();
    w.holders = json_array();
    w.limit = json_null();
    json_t *j = explain_live(&w, e);
    json_decref(w.told);
    json_decref(w.holders);
    json_decref(w.limit);
    description_release(&w.x);
    return j;
}
