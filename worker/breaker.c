#include "breaker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allowance.h"
#include "clock.h"
#include "id.h"
#include "key.h"
#include "kv.h"
#include "log.h"

enum {
    PROBE_LEASE_MS = 15000, /* a prober that died holds the others up no longer than this */
    RENEW_MS = 5000,
    FIRST_FAILURE_MS = 1000, /* a failure that has not paused the service yet */
    WAIT_IN_PLACE_MS = 2000, /* for an allowance: longer waits give the thread back */
    WAIT_TICK_MS = 50,
    WHO_SIZE = 128,
};

/* As the scripts answer. */
enum { GO = 0, PAUSED = 1, PROBE = 2, BEGAN = 3, ENDED = 4 };

struct breakers {
    pthread_mutex_t
        lock; /* guards kv; a question takes far less time than any request that it is about */
    struct kv *kv;
    bool may_hold;
    const char *worker_id;
    struct allowances *allowances;
};

struct breaker {
    struct breakers *all;
    struct http *http;
    char who[WHO_SIZE];
    char service[SERVICE_SIZE]; /* of the last request; "" = none in this step */
    char key[KEY_SIZE];
    bool is_open; /* entered and its outcome is not told yet */
    bool is_held; /* the last request was not sent, or a helper's has failed: `hold` says why */
    bool is_probe;
    long status;             /* of the answer that is not told yet; 0 = there was none */
    int64_t renew_ms;        /* monotonic */
    enum err_code paused_by; /* of is_held: the class by which the service was paused */
    struct hold hold;
    bool has_changed;
    int64_t changed_ms; /* by Redis' clock */
    struct service_change change;
    unsigned helpers; /* that it has had */
};

struct breakers *breakers_new(const char *redis_url, const char *worker_id, bool may_hold,
                              struct err *e)
{
    struct kv *kv = kv_new(redis_url, e);
    if (kv == NULL)
        return NULL;
    struct breakers *all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    (void)pthread_mutex_init(&all->lock, NULL);
    all->kv = kv;
    all->may_hold = may_hold;
    all->worker_id = worker_id;
    all->allowances = allowances_new();
    return all;
}

void breakers_free(struct breakers *all)
{
    if (all == NULL)
        return;
    kv_free(all->kv);
    allowances_free(all->allowances);
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

/* ---- asking Redis ---- */

static const char *text_at(const redisReply *r, size_t i)
{
    return r->type == REDIS_REPLY_ARRAY && i < r->elements &&
                   r->element[i]->type == REDIS_REPLY_STRING
               ? r->element[i]->str
               : "";
}

/* The code, GO when Redis cannot be asked. Fills the hold. */
static int ask(struct breaker *b, const char *script, const struct kv_args *a)
{
    struct err e;
    int code = GO;
    (void)pthread_mutex_lock(&b->all->lock);
    auto_reply *r = kv_script(b->all->kv, script, b->key, a, &e);
    (void)pthread_mutex_unlock(&b->all->lock);
    b->hold = (struct hold){0};
    if (r == NULL)
        return GO;
    code = (int)kv_int_at(r, 0, GO);
    (void)snprintf(b->hold.service, sizeof(b->hold.service), "%s", b->service);
    (void)snprintf(b->hold.reason, sizeof(b->hold.reason), "%s", text_at(r, 5));
    b->hold.delay_ms = kv_int_at(r, 1, 0);
    b->hold.since_ms = kv_int_at(r, 2, 0);
    b->hold.oks = kv_int_at(r, 3, 0);
    b->hold.now_ms = kv_int_at(r, 6, 0);
    b->paused_by = strcmp(text_at(r, 4), "stopped") == 0 ? ERR_STOP_PROVIDER
                   : strcmp(text_at(r, 4), "rate") == 0  ? ERR_RATE_LIMITED
                                                         : ERR_RETRY;
    b->hold.is_paused = code == PAUSED || code == BEGAN;
    if (b->hold.is_paused) /* not all at once when the pause is over */
        b->hold.delay_ms +=
            (int64_t)(id_random() %
                      (uint64_t)(500 + (b->hold.delay_ms < 30000 ? b->hold.delay_ms : 30000) / 4));
    return code;
}

/* Also when it was known to be paused and its probe has failed: the pause is a longer one. */
static void note_change(struct breaker *b, int code, bool was_probe, const char *reason)
{
    if (code != BEGAN && code != ENDED && !(code == PAUSED && was_probe))
        return;
    b->has_changed = true;
    b->changed_ms = b->hold.now_ms;
    b->change = (struct service_change){.since_ms = b->hold.since_ms,
                                        .until_ms = b->hold.now_ms + b->hold.delay_ms};
    if (code != ENDED)
        b->change.kind = b->paused_by == ERR_STOP_PROVIDER  ? "stopped"
                         : b->paused_by == ERR_RATE_LIMITED ? "rate"
                                                            : "down";
    memcpy(b->change.service, b->service, sizeof(b->service));
    (void)snprintf(b->change.account, sizeof(b->change.account), "%s", strrchr(b->key, ':') + 1);
    (void)snprintf(b->change.reason, sizeof(b->change.reason), "%s", reason);
}

bool breaker_take_change(struct breaker *b, struct service_change *ret)
{
    if (!b->has_changed)
        return false;
    b->has_changed = false;
    *ret = b->change;
    return true;
}

static int ask_enter(struct breaker *b)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, b->who);
    kv_addi(&a, PROBE_LEASE_MS);
    int code = ask(b, "enter_service", &a);
    kv_args_release(&a);
    return code;
}

/* Tells what became of the request that was entered last. */
static int tell(struct breaker *b, const char *outcome, int64_t delay_ms, const char *reason)
{
    bool was_probe = b->is_probe;
    b->is_open = b->is_probe = false;
    if (!b->all->may_hold)
        return GO;
    char short_reason[REASON_SIZE];
    (void)snprintf(short_reason, sizeof(short_reason), "%s", reason);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, b->who);
    kv_adds(&a, outcome);
    kv_addi(&a, delay_ms);
    kv_adds(&a, short_reason);
    int code = ask(b, "leave_service", &a);
    kv_args_release(&a);
    note_change(b, code, was_probe && strcmp(outcome, "none") != 0, short_reason);
    if (code == BEGAN)
        log_error("service is paused: steps that need it wait and use no attempt", "service",
                  b->service, "reason", short_reason, LOG_END);
    else if (code == ENDED)
        log_info("service is back", "service", b->service, LOG_END);
    return code;
}

/* What an answer says when nobody has said its class: the client went on to something else. */
static void tell_by_status(struct breaker *b)
{
    long s = b->status;
    bool says_nothing =
        s == 0 || s >= 500 || s == 401 || s == 402 || s == 403 || s == 407 || s == 408 || s == 429;
    (void)tell(b, says_nothing ? "none" : "ok", 0, "");
}

/* ---- the guard ---- */

/* The class by which the service was paused decides what becomes of a step that has waited too long. */
static bool refuse(struct breaker *b, enum err_code code, struct err *e)
{
    size_t n = strlen(b->service);
    const char *reason = b->hold.reason; /* the client puts its service's name in front */
    if (strncmp(reason, b->service, n) == 0 && strncmp(reason + n, ": ", 2) == 0)
        reason += n + 2;
    b->is_held = true;
    (void)err_set(e, code, "%s", reason);
    e->retry_after_ms = b->hold.delay_ms;
    return false;
}

static bool take_allowance(struct breaker *b, struct err *e)
{
    for (;;) {
        int64_t left = allowance_take(b->all->allowances, b->key);
        if (left == 0)
            return true;
        if (http_is_cancelled(b->http))
            return err_set(e, ERR_STOPPING, "%s: stopped before the request", b->service);
        if (b->all->may_hold && left > WAIT_IN_PLACE_MS) {
            b->hold = (struct hold){.delay_ms = left, .is_paused = true};
            (void)snprintf(b->hold.service, sizeof(b->hold.service), "%s", b->service);
            (void)snprintf(b->hold.reason, sizeof(b->hold.reason),
                           "%s: the service allows no more requests for now", b->service);
            return refuse(b, ERR_RATE_LIMITED, e);
        }
        sleep_ms(left < WAIT_TICK_MS ? left : WAIT_TICK_MS);
    }
}

/* An account is named by a hash: the key itself must not get into Redis. */
static void set_key(struct breaker *b, const struct http_request *req)
{
    const char *account = req->account != NULL ? req->account : "";
    uint64_t h = id_hash(0, req->url, strcspn(req->url, "?"));
    size_t host = strcspn(req->url, ":") + strlen("://");
    if (strlen(req->url) > host)
        h = id_hash(0, req->url, host + strcspn(req->url + host, "/?"));
    (void)snprintf(b->service, sizeof(b->service), "%s", req->service);
    (void)snprintf(b->key, sizeof(b->key), KEY_SERVICE "%s:%08x", req->service,
                   (unsigned)id_hash(h, account, strlen(account)));
}

static bool on_enter(void *arg, const struct http_request *req, struct err *e)
{
    struct breaker *b = arg;
    if (b->is_open)
        tell_by_status(b);
    set_key(b, req);
    b->is_held = false;
    b->status = 0;
    int code = b->all->may_hold ? ask_enter(b) : GO;
    if (code == PAUSED)
        return refuse(b, b->paused_by, e);
    b->is_open = true;
    b->is_probe = code == PROBE;
    b->renew_ms = mono_ms() + RENEW_MS;
    if (take_allowance(b, e))
        return true;
    struct hold why = b->hold;
    (void)tell(b, "none", 0, "");
    b->hold = why;
    return false;
}

static void on_tick(void *arg)
{
    struct breaker *b = arg;
    if (!b->is_probe || mono_ms() < b->renew_ms)
        return;
    b->renew_ms = mono_ms() + RENEW_MS;
    (void)ask_enter(b);
}

static void on_leave(void *arg, const struct http_response *r)
{
    struct breaker *b = arg;
    allowance_note(b->all->allowances, b->key, r);
    b->status = r != NULL ? r->status : 0;
    if (b->status >= 200 && b->status < 300)
        (void)tell(b, "ok", 0, "");
}

/* ---- helpers ---- */

static struct breaker *watch(struct breakers *all, struct http *h);

static void on_split(void *arg, struct http *helper)
{
    struct breaker *b = arg, *its = watch(b->all, helper);
    (void)snprintf(its->who, sizeof(its->who), "%s.%u", b->who, b->helpers++);
}

/* At once and not when it is merged: the other helpers may be under way for minutes. */
static void on_settle(void *arg, const struct err *e)
{
    struct breaker *b = arg;
    struct hold hold;
    breaker_end(b, e, &hold);
    b->hold = hold;
}

static void on_merge(void *arg, void *helper_arg, bool is_outcome)
{
    struct breaker *b = arg, *its = helper_arg;
    if (is_outcome) {
        if (b->is_open)
            tell_by_status(b);
        b->is_held = true;
        b->hold = its->hold;
    }
    if (its->has_changed && (!b->has_changed || its->changed_ms >= b->changed_ms)) {
        b->has_changed = true;
        b->changed_ms = its->changed_ms;
        b->change = its->change;
    }
    breaker_free(its);
}

/* ---- the thread's ---- */

static struct breaker *watch(struct breakers *all, struct http *h)
{
    struct breaker *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort();
    b->all = all;
    b->http = h;
    http_set_guard(h, &(struct http_guard){.arg = b,
                                           .enter = on_enter,
                                           .tick = on_tick,
                                           .leave = on_leave,
                                           .split = on_split,
                                           .settle = on_settle,
                                           .merge = on_merge});
    return b;
}

struct breaker *breaker_new(struct breakers *all, struct http *h, int number)
{
    struct breaker *b = watch(all, h);
    (void)snprintf(b->who, sizeof(b->who), "%s/%d", all->worker_id, number);
    return b;
}

void breaker_free(struct breaker *b)
{
    if (b == NULL)
        return;
    http_set_guard(b->http, NULL);
    free(b);
}

void breaker_begin(struct breaker *b)
{
    b->is_open = b->is_held = false;
    b->service[0] = '\0';
    b->hold = (struct hold){0};
}

/* The outcome by the class that the client gave its last request. */
static void tell_by_class(struct breaker *b, const struct err *e, struct hold *ret)
{
    const char *outcome = e->code == ERR_STOP_PROVIDER  ? "stop"
                          : e->code == ERR_RATE_LIMITED ? "rate"
                          : e->is_outage                ? "outage"
                                                        : NULL;
    if (outcome == NULL && err_is_of_provider(e->code) && e->code != ERR_RETRY) {
        (void)tell(b, "ok", 0, "");
        return;
    }
    if (outcome == NULL) {
        (void)tell(b, "none", 0, "");
        return;
    }
    (void)tell(b, outcome, e->retry_after_ms, e->msg);
    if (b->hold.service[0] == '\0')
        return; /* Redis could not be asked */
    *ret = b->hold;
    if (!ret->is_paused)
        ret->delay_ms = FIRST_FAILURE_MS + (int64_t)(id_random() % FIRST_FAILURE_MS);
    if (ret->delay_ms < e->retry_after_ms)
        ret->delay_ms = e->retry_after_ms;
    (void)snprintf(ret->reason, sizeof(ret->reason), "%s", e->msg);
}

void breaker_end(struct breaker *b, const struct err *e, struct hold *ret)
{
    *ret = (struct hold){0};
    if (b->is_open && e != NULL)
        tell_by_class(b, e, ret);
    else if (b->is_open)
        tell_by_status(b);
    else if (b->is_held && e != NULL && e->code != ERR_STOPPING)
        *ret = b->hold;
}
