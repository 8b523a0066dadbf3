#include "start.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { PATH_SIZE = 256 };

/* ---- values of the event ---- */

/* A handler of failures is counted as the run that failed: what the event itself does not say is looked for in the event
 * that began that run. */
static void key_of(const struct expr *x, struct event *ev, char out[EXPR_KEY_SIZE])
{
    out[0] = '\0';
    if (x == NULL)
        return;
    const json_t *within = event_within(ev);
    if (expr_key(x, event_json(ev), out) == 0 && within != NULL)
        (void)expr_key(x, within, out);
}

/* The same as key_of for the first key, without a tree of the whole event: most functions have no other. */
static void owner_of(const struct manifest *m, struct event *ev, char out[EXPR_KEY_SIZE])
{
    const json_t *within = event_within(ev);
    if (m->owner_path == NULL)
        key_of(m->keys[0], ev, out);
    else if (expr_path_key(ev->data, m->owner_path, out) == 0 && within != NULL)
        (void)expr_path_key(json_object_get(within, "data"), m->owner_path, out);
}

/* A line for each key. */
static char *keys_of(const struct manifest *m, struct event *ev)
{
    char keys[MAX_KEYS * EXPR_KEY_SIZE];
    owner_of(m, ev, keys);
    size_t len = strlen(keys);
    for (int i = 1; i < m->key_count; i++) {
        keys[len++] = '\n';
        key_of(m->keys[i], ev, keys + len);
        len += strlen(keys + len);
    }
    char *copy = strndup(keys, len);
    if (copy == NULL)
        abort();
    return copy;
}

void start_make(struct start *s, struct event *ev, const struct manifest *m, int partitions)
{
    *s = (struct start){.fn = m, .key = keys_of(m, ev)};
    id_derive(ev->received_ms, ev->id, m->id, s->run);
    s->partition = id_partition(s->key, strcspn(s->key, "\n"), partitions);
}

void start_release(struct start *s)
{
    for (size_t i = 0; i < s->option_count; i++)
        free(s->options[i].value);
    free(s->options);
    free(s->reason);
    free(s->key);
    *s = (struct start){0};
}

void start_skip(struct start *s, const char *reason)
{
    free(s->reason);
    s->reason = strdup(reason);
    if (s->reason == NULL)
        abort();
    s->state = START_SKIPPED;
}

/* ---- rules ---- */

static void add_option(struct start *s, const char *name, char *value)
{
    struct start_option *options = realloc(s->options, (s->option_count + 1) * sizeof(*s->options));
    if (options == NULL)
        abort();
    s->options = options;
    options[s->option_count++] = (struct start_option){name, value};
}

static void add_rule(struct start *s, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void add_rule(struct start *s, const char *name, const char *fmt, ...)
{
    char *value;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    add_option(s, name, value);
}

void start_add_gates(struct start *s, struct event *ev)
{
    const struct manifest *m = s->fn;
    char key[EXPR_KEY_SIZE];
    if (m->idempotency.key != NULL) {
        key_of(m->idempotency.key, ev, key);
        /* an event without the value is like no other */
        if (*key != '\0')
            add_rule(s, "once", "%lld\n%s", (long long)m->idempotency.period_ms, key);
    }
    if (m->rate_limit.max > 0) {
        key_of(m->rate_limit.key, ev, key);
        add_rule(s, "rate", "%d\n%lld\n%s", m->rate_limit.max, (long long)m->rate_limit.period_ms,
                 key);
    }
}

static void add_throttle(struct start *s, struct event *ev)
{
    const struct manifest_throttle *t = &s->fn->throttle;
    char key[EXPR_KEY_SIZE];
    if (t->max == 0)
        return;
    key_of(t->key, ev, key);
    add_rule(s, "throttle", "%d\n%lld\n%d\n%s", t->max, (long long)t->period_ms,
             t->burst > 0 ? t->burst : 1, key);
}

static void add_collecting(struct start *s, struct event *ev)
{
    const struct manifest *m = s->fn;
    char key[EXPR_KEY_SIZE];
    if (m->debounce.period_ms > 0) {
        key_of(m->debounce.key, ev, key);
        add_rule(s, "debounce", "%lld\n%lld\n%d\n%lld\n%s", (long long)m->debounce.period_ms,
                 (long long)m->debounce.max_wait_ms, m->debounce.keep_all, (long long)ev->ts_ms,
                 key);
    }
    if (m->batch.max_size > 0 &&
        (m->batch.only_if == NULL || expr_true(m->batch.only_if, event_json(ev), NULL))) {
        key_of(m->batch.key, ev, key);
        add_rule(s, "batch", "%d\n%lld\n%s", m->batch.max_size, (long long)m->batch.timeout_ms,
                 key);
    }
}

/* Seconds, at most ten minutes either way. */
static void add_priority(struct start *s, struct event *ev)
{
    if (s->fn->priority == NULL)
        return;
    double seconds = expr_number(s->fn->priority, event_json(ev), 0);
    seconds = seconds > 600 ? 600 : seconds < -600 ? -600 : seconds;
    if (seconds != 0)
        add_rule(s, "priority", "%lld", (long long)(seconds * 1000));
}

static void add_singleton(struct start *s, struct event *ev)
{
    const struct manifest_singleton *single = &s->fn->singleton;
    char key[EXPR_KEY_SIZE];
    if (single->mode == SINGLETON_NONE)
        return;
    key_of(single->key, ev, key);
    add_rule(s, "single", "%s\n%s", single->mode == SINGLETON_SKIP ? "skip" : "cancel", key);
}

/* What is left of a time that began before; at least one millisecond. */
static int64_t rest_of(int64_t ms, int64_t elapsed_ms)
{
    return ms - elapsed_ms > 1 ? ms - elapsed_ms : 1;
}

static void add_deadlines(struct start *s, int64_t elapsed_ms)
{
    const struct manifest *m = s->fn;
    if (m->start_timeout_ms > 0 && !s->begun)
        add_rule(s, "start_by", "%lld", (long long)rest_of(m->start_timeout_ms, elapsed_ms));
    if (m->finish_timeout_ms > 0)
        add_rule(s, "finish_by", "%lld", (long long)rest_of(m->finish_timeout_ms, elapsed_ms));
}

/* The condition with this event's values put in: "" = always. NULL: it can never hold, or is too large to be kept. The caller
 * frees. *ret_path and *ret_value: what to file it under, both empty when there is nothing. */
static char *bind(const struct start *s, struct event *ev, const struct expr *match,
                  char path[PATH_SIZE], char value[EXPR_KEY_SIZE])
{
    struct err e;
    path[0] = value[0] = '\0';
    if (match == NULL)
        return strdup("");
    char *text = expr_bind(match, event_json(ev), &e);
    struct expr *bound = text != NULL ? expr_compile(text, EXPR_ASYNC, &e) : NULL;
    if (bound == NULL)
        log_error("a run cannot be cancelled by an event, since its condition cannot be kept",
                  "run", s->run, "fn", s->fn->id, "error", e.msg, LOG_END);
    bool constant = bound != NULL && expr_reads(bound) == 0;
    bool never = bound == NULL || (constant && !expr_true(bound, NULL, NULL));
    if (constant && !never)
        text[0] = '\0';
    if (!never && !constant)
        (void)expr_index(bound, path, PATH_SIZE, value);
    expr_free(bound);
    if (never) {
        free(text);
        text = NULL;
    }
    return text;
}

static void add_listeners(struct start *s, struct event *ev, int64_t elapsed_ms)
{
    for (int i = 0; i < s->fn->cancel_count; i++) {
        const struct manifest_cancel *c = &s->fn->cancel_on[i];
        char path[PATH_SIZE], value[EXPR_KEY_SIZE];
        if (c->timeout_ms > 0 && c->timeout_ms <= elapsed_ms)
            continue;
        auto_free char *condition = bind(s, ev, c->match, path, value);
        if (condition != NULL)
            add_rule(s, "listen", "%s\n%s\n%s\n%lld\n%s\n%s", c->event, path, value,
                     c->timeout_ms > 0 ? (long long)(c->timeout_ms - elapsed_ms) : 0LL, ev->id,
                     condition);
    }
}

void start_add_rules(struct start *s, struct event *ev, enum start_rules rules, int64_t elapsed_ms)
{
    if (rules & START_GATES)
        start_add_gates(s, ev);
    if (rules & START_SPREAD)
        add_throttle(s, ev);
    if (rules & START_COLLECTS)
        add_collecting(s, ev);
    add_priority(s, ev);
    add_singleton(s, ev);
    add_deadlines(s, elapsed_ms);
    add_listeners(s, ev, elapsed_ms);
    if (ev->orders.parent != NULL)
        add_rule(s, "parent", "%s", ev->orders.parent);
}

void start_drop_rule(struct start *s, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->option_count; i++) {
        if (strcmp(s->options[i].name, name) != 0)
            s->options[kept++] = s->options[i];
        else
            free(s->options[i].value);
    }
    s->option_count = kept;
}

void start_drop_rules(struct start *s, enum start_rules rules)
{
    static const struct {
        enum start_rules of;
        const char *name;
    } names[] = {
        {START_GATES, "once"},        {START_GATES, "rate"},     {START_SPREAD, "throttle"},
        {START_COLLECTS, "debounce"}, {START_COLLECTS, "batch"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (rules & names[i].of)
            start_drop_rule(s, names[i].name);
    }
}

const char *start_find_rule(const struct start *s, const char *name)
{
    for (size_t i = 0; i < s->option_count; i++) {
        if (strcmp(s->options[i].name, name) == 0)
            return s->options[i].value;
    }
    return NULL;
}

/* The key is the last line of a rule. */
const char *start_collect_key(const struct start *s)
{
    const char *rule = start_find_rule(s, "debounce");
    if (rule == NULL)
        rule = start_find_rule(s, "batch");
    return rule != NULL ? strrchr(rule, '\n') + 1 : NULL;
}

bool start_keeps_all(const struct start *s)
{
    return start_find_rule(s, "batch") != NULL ||
           (s->fn->debounce.keep_all && start_find_rule(s, "debounce") != NULL);
}

void start_write(struct kv_args *a, const struct start *s, int64_t accepted_ms, int64_t due_ms,
                 const char *input, size_t input_len)
{
    kv_adds(a, s->run);
    kv_adds(a, s->fn->id);
    kv_adds(a, s->key);
    kv_addi(a, accepted_ms);
    kv_addi(a, due_ms);
    kv_add(a, input, input_len);
    kv_addi(a, (int64_t)s->option_count + s->begun);
    for (size_t i = 0; i < s->option_count; i++) {
        kv_adds(a, s->options[i].name);
        kv_adds(a, s->options[i].value);
    }
    if (s->begun) {
        kv_adds(a, "begun");
        kv_adds(a, "1");
    }
}
