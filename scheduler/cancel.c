#include "cancel.h"

#include <string.h>

#include "expr.h"
#include "js.h"
#include "key.h"
#include "scan.h"

enum { KEYS_AT_ONCE = 500 };

/* ---- one run ---- */

static bool call_cancel(struct kv *kv, const char *prefix, const char *run, const char *reason,
                        enum cancel_code *ret_code, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, run);
    kv_adds(&a, reason);
    auto_reply *r = kv_script(kv, "cancel_run", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    *ret_code = (enum cancel_code)kv_int_at(r, 0, CANCEL_NOT_HERE);
    return true;
}

bool cancel_run(struct kv *kv, int partitions, const char *run, const char *reason,
                enum cancel_code *ret_code, struct err *e)
{
    enum cancel_code code = CANCEL_NOT_HERE;
    for (int p = 0; p < partitions && code == CANCEL_NOT_HERE; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        if (!call_cancel(kv, prefix, run, reason, &code, e))
            return false;
    }
    *ret_code = code;
    return true;
}

/* ---- many ---- */

struct sweep {
    struct kv *kv;
    const struct cancel_filter *filter;
    struct expr *condition; /* NULL = none */
    const char *reason;
    struct cancel_count count;
};

/* A branch of a run ends with the run. */
static const char *run_of(const redisReply *key, char prefix[PREFIX_SIZE])
{
    const char *run = scan_name(key->str, "run", prefix);
    return run != NULL && strchr(run, '.') == NULL ? run : NULL;
}

static bool is_owned_by(const char *key, const char *owner)
{
    size_t len = strlen(owner);
    return strncmp(key, owner, len) == 0 && (key[len] == '\0' || key[len] == '\n');
}

/* `run` is fn, key, at, done. */
static bool fits(const struct cancel_filter *f, const redisReply *run)
{
    for (int i = 0; i < 3; i++) {
        if (run->element[i]->type != REDIS_REPLY_STRING)
            return false;
    }
    long long at = strtoll(run->element[2]->str, NULL, 10);
    return run->element[3]->type == REDIS_REPLY_NIL &&
           (f->function == NULL || strcmp(run->element[0]->str, f->function) == 0) &&
           (f->owner == NULL || is_owned_by(run->element[1]->str, f->owner)) &&
           (f->since_ms < 0 || at >= f->since_ms) && (f->until_ms < 0 || at < f->until_ms);
}

static bool event_fits(const struct expr *condition, const redisReply *input)
{
    struct err e;
    size_t i;
    json_t *event;
    auto_json *j =
        input->type == REDIS_REPLY_STRING ? js_parse_own(input->str, input->len, &e) : NULL;
    if (!json_is_array(j))
        return j != NULL && expr_true(condition, j, NULL);
    json_array_foreach (j, i, event) {
        if (expr_true(condition, event, NULL))
            return true;
    }
    return false;
}

/* The replies are in the order in which they were asked for: one for each run of the page. */
static bool push_questions(struct sweep *s, const redisReply *keys, struct err *e)
{
    for (size_t i = 0; i < keys->elements; i++) {
        char prefix[PREFIX_SIZE];
        const char *run = run_of(keys->element[i], prefix);
        if (run != NULL && !kv_pushf(s->kv, e, "HMGET %s:run:%s fn key at done", prefix, run))
            return false;
    }
    return true;
}

/* Marks the keys of runs that fit, but for their events. */
static bool pull_answers(struct sweep *s, const redisReply *keys, bool *chosen, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; i < keys->elements; i++) {
        char prefix[PREFIX_SIZE];
        struct err later;
        chosen[i] = false;
        if (run_of(keys->element[i], prefix) == NULL)
            continue;
        auto_reply *r = kv_pull(s->kv, ok ? e : &later);
        ok = ok && r != NULL;
        chosen[i] =
            r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 4 && fits(s->filter, r);
    }
    return ok;
}

/* An event may be large: one at a time. */
static bool cancel_chosen(struct sweep *s, const redisReply *key, struct err *e)
{
    char prefix[PREFIX_SIZE];
    const char *run = run_of(key, prefix);
    if (s->condition != NULL) {
        auto_reply *input = kv_cmd(s->kv, e, "GET %s:input:%s", prefix, run);
        if (input == NULL)
            return false;
        if (!event_fits(s->condition, input))
            return true;
    }
    enum cancel_code code;
    if (!call_cancel(s->kv, prefix, run, s->reason, &code, e))
        return false;
    s->count.done += code == CANCEL_DONE;
    s->count.begun += code == CANCEL_BEGUN;
    return true;
}

static bool sweep_page(struct sweep *s, const redisReply *keys, struct err *e)
{
    bool *chosen = calloc(keys->elements + 1, sizeof(*chosen));
    if (chosen == NULL)
        abort();
    bool ok = push_questions(s, keys, e) && pull_answers(s, keys, chosen, e);
    for (size_t i = 0; ok && i < keys->elements; i++)
        ok = !chosen[i] || cancel_chosen(s, keys->element[i], e);
    free(chosen);
    return ok;
}

bool cancel_where(struct kv *kv, const struct cancel_filter *filter, const char *reason,
                  bool (*alive)(void *ctx, struct err *e), void *ctx,
                  struct cancel_count *ret_count, struct err *e)
{
    struct sweep s = {.kv = kv, .filter = filter, .reason = reason};
    struct scan scan;
    if (filter->condition != NULL) {
        s.condition = expr_compile(filter->condition, EXPR_EVENT, e);
        if (s.condition == NULL)
            return false;
    }
    bool ok = true;
    for (scan_init(&scan); ok && !scan.done;) {
        auto_reply *keys = scan_next(&scan, kv, "{c*}:run:*", KEYS_AT_ONCE, e);
        ok = keys != NULL && sweep_page(&s, keys, e) && alive(ctx, e);
    }
    expr_free(s.condition);
    if (ok)
        *ret_count = s.count;
    return ok;
}
