#include "manifest.h"

#include <limits.h>
#include <string.h>

#include "buf.h"
#include "js.h"

enum { LIMITS_MAX_BYTES = 4096 };

static char *copy(const char *s)
{
    char *c = s != NULL ? strdup(s) : NULL;
    if (s != NULL && c == NULL)
        abort();
    return c;
}

/* ---- members ---- */

/* `place` is what the message calls it. */
static bool read_expr(const json_t *j, const char *member, const char *place, unsigned roots,
                      struct expr **ret, struct err *e)
{
    const char *text = js_str(j, member);
    if (text == NULL)
        return true;
    *ret = expr_compile(text, roots, e);
    return *ret != NULL || err_wrap(e, "%s", place);
}

static int read_count(const json_t *j, const char *member)
{
    long long n = js_int(j, member, 0);
    return n < 0 ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

static int64_t read_ms(const json_t *j, const char *member)
{
    long long ms = js_int(j, member, 0);
    return ms > 0 ? ms : 0;
}

/* ---- what starts it ---- */

static bool read_triggers(struct manifest *m, const json_t *j, struct err *e)
{
    size_t i, n = 0;
    json_t *v;
    json_array_foreach (js_get(j, "triggers"), i, v) {
        if (n < MAX_TRIGGERS && json_string_length(v) > 0)
            m->triggers[n++] = copy(json_string_value(v));
    }
    m->on_failure_of = copy(js_str(j, "onFailureOf"));
    return read_expr(j, "condition", "condition", EXPR_EVENT, &m->condition, e);
}

/* ---- limits ---- */

/* What follows "data." when the expression is that and names alone: then it need not be worked out. */
static char *path_of(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    if (strncmp(text, "data.", 5) != 0 || strspn(text, plain) != strlen(text))
        return NULL;
    return copy(text + 5);
}

static bool read_keys(struct manifest *m, const json_t *j, struct err *e)
{
    auto_json *owner = js_pack("[s]", DEFAULT_OWNER);
    const json_t *keys = js_get(j, "keys"), *key;
    size_t i;
    if (json_array_size(keys) == 0)
        keys = owner;
    if (json_array_size(keys) > MAX_KEYS)
        return err_set(e, ERR_INPUT, "keys: more than %d", MAX_KEYS);
    json_array_foreach (keys, i, key) {
        if (!json_is_string(key))
            return err_set(e, ERR_INPUT, "keys[%zu]: is no text", i);
        m->keys[i] = expr_compile(json_string_value(key), EXPR_EVENT, e);
        if (m->keys[i] == NULL)
            return err_wrap(e, "keys[%zu]", i);
        m->key_count++;
    }
    m->owner_path = path_of(json_string_value(json_array_get(keys, 0)));
    return true;
}

/* One that is counted by the owner lives in the owner's partition, whole. */
static bool is_shared(const json_t *limit, const char *name, int partitions)
{
    size_t len = strlen(name);
    bool by_owner = len > 2 && strcmp(name + len - 2, ":$") == 0;
    return partitions > 1 && js_bool(limit, "share", !by_owner);
}

static bool add_limit(struct buf *b, const json_t *limit, size_t i, int partitions, struct err *e)
{
    const char *name = js_str(limit, "name");
    long long max = js_int(limit, "max", 0);
    if (name == NULL || strchr(name, '\n') != NULL || max < 1)
        return err_set(e, ERR_INPUT, "limits[%zu]: needs a name and a max from 1", i);
    return buf_addf(b, "%s%lld %s\n", is_shared(limit, name, partitions) ? "~" : "", max, name) ||
           err_set(e, ERR_INPUT, "limits: too long");
}

static bool add_budget(struct buf *b, const json_t *usd, struct err *e)
{
    long long cap = js_int(usd, "cap", 0), reserve = js_int(usd, "reserve", 0);
    if (cap <= 0)
        return true;
    return buf_addf(b, "usd%lld/%lld budget:$\n", cap, reserve > 0 ? reserve : 0) ||
           err_set(e, ERR_INPUT, "limits: too long");
}

static bool read_limits(struct manifest *m, const json_t *j, int partitions, struct err *e)
{
    auto_buf b = BUF_INIT(LIMITS_MAX_BYTES);
    size_t i;
    json_t *limit;
    json_array_foreach (js_get(j, "limits"), i, limit) {
        if (!add_limit(&b, limit, i, partitions, e))
            return false;
    }
    if (!add_budget(&b, js_get(j, "usd"), e))
        return false;
    m->limits = copy(b.data);
    return true;
}

/* ---- rules of flow ---- */

static bool read_rates(struct manifest *m, const json_t *j, struct err *e)
{
    const json_t *rate = js_get(j, "rateLimit"), *throttle = js_get(j, "throttle");
    m->rate_limit.max = read_count(rate, "max");
    m->rate_limit.period_ms = read_ms(rate, "period_ms");
    m->throttle.max = read_count(throttle, "max");
    m->throttle.period_ms = read_ms(throttle, "period_ms");
    m->throttle.burst = read_count(throttle, "burst");
    return read_expr(rate, "key", "rateLimit.key", EXPR_EVENT, &m->rate_limit.key, e) &&
           read_expr(throttle, "key", "throttle.key", EXPR_EVENT, &m->throttle.key, e);
}

static bool read_collecting(struct manifest *m, const json_t *j, struct err *e)
{
    const json_t *debounce = js_get(j, "debounce"), *batch = js_get(j, "batch");
    m->debounce.period_ms = read_ms(debounce, "period_ms");
    m->debounce.max_wait_ms = read_ms(debounce, "max_wait_ms");
    m->debounce.keep_all = js_bool(debounce, "keep_all", false);
    m->batch.max_size = read_count(batch, "max_size");
    m->batch.timeout_ms = read_ms(batch, "timeout_ms");
    return read_expr(debounce, "key", "debounce.key", EXPR_EVENT, &m->debounce.key, e) &&
           read_expr(batch, "key", "batch.key", EXPR_EVENT, &m->batch.key, e) &&
           read_expr(batch, "only_if", "batch.only_if", EXPR_EVENT, &m->batch.only_if, e);
}

static bool read_once(struct manifest *m, const json_t *j, struct err *e)
{
    const json_t *singleton = js_get(j, "singleton"), *idempotency = js_get(j, "idempotency");
    const char *mode = js_str(singleton, "mode");
    if (mode != NULL)
        m->singleton.mode = strcmp(mode, "cancel") == 0 ? SINGLETON_CANCEL : SINGLETON_SKIP;
    m->idempotency.period_ms = read_ms(idempotency, "period_ms");
    return read_expr(singleton, "key", "singleton.key", EXPR_EVENT, &m->singleton.key, e) &&
           read_expr(idempotency, "key", "idempotency.key", EXPR_EVENT, &m->idempotency.key, e);
}

static bool read_cancel(struct manifest *m, const json_t *j, struct err *e)
{
    struct manifest_cancel *c = &m->cancel_on[m->cancel_count];
    char place[32];
    if (js_str(j, "event") == NULL)
        return err_set(e, ERR_INPUT, "cancelOn[%d].event: is missing", m->cancel_count);
    c->event = copy(js_str(j, "event"));
    c->timeout_ms = read_ms(j, "timeout_ms");
    (void)snprintf(place, sizeof(place), "cancelOn[%d].match", m->cancel_count++);
    return read_expr(j, "match", place, EXPR_EVENT | EXPR_ASYNC, &c->match, e);
}

static bool read_end(struct manifest *m, const json_t *j, struct err *e)
{
    size_t i;
    json_t *cancel;
    m->start_timeout_ms = read_ms(j, "timeouts.start_ms");
    m->finish_timeout_ms = read_ms(j, "timeouts.finish_ms");
    json_array_foreach (js_get(j, "cancelOn"), i, cancel) {
        if (i == MAX_CANCELS)
            return err_set(e, ERR_INPUT, "cancelOn: more than %d", MAX_CANCELS);
        if (!read_cancel(m, cancel, e))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool read_all(struct manifest *m, const json_t *j, int partitions, struct err *e)
{
    m->version = read_count(j, "version");
    m->json = js_dump(j, NULL);
    return read_triggers(m, j, e) && read_keys(m, j, e) && read_limits(m, j, partitions, e) &&
           read_rates(m, j, e) && read_collecting(m, j, e) && read_once(m, j, e) &&
           read_end(m, j, e) && read_expr(j, "priority", "priority", EXPR_EVENT, &m->priority, e);
}

struct manifest *manifest_parse(const char *text, size_t len, int partitions, struct err *e)
{
    auto_json *j = js_parse(text, len, e);
    if (j == NULL)
        return NULL;
    const char *id = js_str(j, "id");
    if (!is_plain_name(id))
        return err_null(e, ERR_INPUT, "manifest without a plain id");
    struct manifest *m = calloc(1, sizeof(*m));
    if (m == NULL)
        abort();
    m->id = copy(id);
    if (read_all(m, j, partitions, e))
        return m;
    (void)err_wrap(e, "manifest of %s", id);
    e->code = ERR_INPUT;
    manifest_free(m);
    return NULL;
}

static void free_rules(struct manifest *m)
{
    expr_free(m->priority);
    expr_free(m->rate_limit.key);
    expr_free(m->throttle.key);
    expr_free(m->debounce.key);
    expr_free(m->batch.key);
    expr_free(m->batch.only_if);
    expr_free(m->singleton.key);
    expr_free(m->idempotency.key);
    for (int i = 0; i < m->cancel_count; i++) {
        free(m->cancel_on[i].event);
        expr_free(m->cancel_on[i].match);
    }
}

void manifest_free(struct manifest *m)
{
    if (m == NULL)
        return;
    for (int i = 0; i < MAX_TRIGGERS; i++)
        free(m->triggers[i]);
    for (int i = 0; i < m->key_count; i++)
        expr_free(m->keys[i]);
    free_rules(m);
    expr_free(m->condition);
    free(m->owner_path);
    free(m->id);
    free(m->on_failure_of);
    free(m->limits);
    free(m->json);
    free(m);
}
