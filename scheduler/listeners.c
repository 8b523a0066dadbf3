#include "listeners.h"

#include <stdlib.h>
#include <string.h>

#include "awaited.h"
#include "clock.h"
#include "expr.h"
#include "log.h"
#include "waiter.h"

enum { ROWS_MAX_BYTES = 512 << 20, LISTENER_FIELDS = 4 };

static bool may_be_heard(const struct routed *x)
{
    return routed_may_start(x) && x->ev.orders.fn == NULL;
}

/* ---- telling ---- */

static bool add_rows(struct buf *rows, const struct match *m)
{
    char run[RUN_SIZE];
    (void)snprintf(run, sizeof(run), "%.*s", (int)strcspn(m->listener, "/"), m->listener);
    struct awaited row = {.run = run, .step = m->step, .result = m->json, .at_ms = wall_ms()};
    return awaited_line(rows, &row);
}

bool listeners_hear(struct kv *kv, const char *prefix, const struct match *matches, size_t n,
                    struct err *e)
{
    struct buf rows[LISTENERS_AT_ONCE];
    struct kv_args a;
    bool ok = true;
    kv_args_init(&a);
    kv_addi(&a, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct match *m = &matches[i];
        buf_init(&rows[i], ROWS_MAX_BYTES);
        if (*m->step != '\0')
            ok = add_rows(&rows[i], m) && ok;
        kv_adds(&a, m->listener);
        kv_adds(&a, m->event);
        kv_adds(&a, m->step);
        kv_add(&a, m->json, m->json_len);
        kv_add(&a, rows[i].data, rows[i].len);
    }
    auto_reply *reply = NULL;
    if (ok)
        reply = kv_script(kv, "hear_event", prefix, &a, e);
    else
        (void)err_set(e, ERR_BUG, "an event is too large for those who wait for it");
    for (size_t i = 0; i < n; i++)
        buf_release(&rows[i]);
    kv_args_release(&a);
    return reply != NULL;
}

/* ---- finding ---- */

/* One partition's turn. */
struct telling {
    struct routing *routing;
    struct routed *list;
    size_t n;
    char prefix[PREFIX_SIZE];
    struct match matches[LISTENERS_AT_ONCE];
    size_t count;
};

/* Did the event stand before the one that began the listening run? Both may be of this batch: that run listens by now. */
static bool came_before(const struct telling *t, const struct routed *x, const char *own_event)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct routed *own = &t->list[i];
        if (strcmp(own->ev.id, own_event) != 0)
            continue;
        return own->ev.stream == x->ev.stream ? own >= x : own->ev.came_ms > x->ev.came_ms;
    }
    return false;
}

static bool hear_all(struct telling *t, struct err *e)
{
    bool ok = t->count == 0 || listeners_hear(t->routing->kv, t->prefix, t->matches, t->count, e);
    t->count = 0;
    return ok;
}

/* `fields` are those of one listener: id, own event id, condition, step. */
static void look_at(struct telling *t, struct routed *x, redisReply *const *fields)
{
    if (came_before(t, x, fields[1]->str) ||
        !conditions_hold(&t->routing->conditions, fields[2]->str, event_json(&x->ev)))
        return;
    struct match *m = &t->matches[t->count++];
    *m = (struct match){.listener = fields[0]->str, .step = fields[3]->str, .event = x->ev.name};
    m->json = routed_input(x, &m->json_len);
    log_info(*m->step != '\0' ? "a run hears the event it waits for" : "an event cancels a run",
             "listener", m->listener, "event", x->ev.id, "name", x->ev.name, LOG_END);
}

static redisReply *find_page(struct telling *t, const struct routed *x, const char *path,
                             const char *value, const char *after, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, x->ev.name);
    kv_adds(&a, path);
    kv_adds(&a, value);
    kv_adds(&a, after);
    kv_addi(&a, LISTENERS_AT_ONCE);
    redisReply *page = kv_script(t->routing->kv, "find_listeners", t->prefix, &a, e);
    kv_args_release(&a);
    return page;
}

/* Those that are filed under the path, and under the value that the event has there. */
static bool tell_filed(struct telling *t, struct routed *x, const char *path, struct err *e)
{
    char value[EXPR_KEY_SIZE] = "", after[2 * RUN_SIZE] = "";
    if (*path != '\0')
        (void)expr_path_key(event_json(&x->ev), path, value);
    do {
        auto_reply *page = find_page(t, x, path, value, after, e);
        if (page == NULL)
            return false;
        (void)snprintf(after, sizeof(after), "%s", page->element[0]->str);
        for (size_t at = 1; at + LISTENER_FIELDS <= page->elements; at += LISTENER_FIELDS)
            look_at(t, x, &page->element[at]);
        if (!hear_all(t, e))
            return false;
    } while (*after != '\0');
    return true;
}

static bool tell_event(struct telling *t, struct routed *x, const redisReply *paths, struct err *e)
{
    for (size_t i = 0; i < paths->elements; i++) {
        if (!tell_filed(t, x, paths->element[i]->str, e))
            return false;
    }
    return true;
}

/* ---- names ---- */

static size_t find_name(const struct kv_args *names, const char *name)
{
    for (int i = 0; i < names->n; i++) {
        if (strcmp(names->v[i], name) == 0)
            return (size_t)i;
    }
    return (size_t)names->n;
}

static void add_names(struct kv_args *names, const struct routed *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (may_be_heard(&list[i]) && find_name(names, list[i].ev.name) == (size_t)names->n)
            kv_adds(names, list[i].ev.name);
    }
}

static bool is_heard(const redisReply *heard)
{
    for (size_t i = 0; i < heard->elements; i++) {
        if (heard->element[i]->elements > 0)
            return true;
    }
    return false;
}

static bool tell_partition(struct telling *t, const struct kv_args *names, struct err *e)
{
    auto_reply *heard = kv_script(t->routing->kv, "heard_paths", t->prefix, names, e);
    if (heard == NULL)
        return false;
    if (!is_heard(heard))
        return true;
    for (size_t i = 0; i < t->n; i++) {
        struct routed *x = &t->list[i];
        size_t at = may_be_heard(x) ? find_name(names, x->ev.name) : heard->elements;
        if (at < heard->elements && !tell_event(t, x, heard->element[at], e))
            return false;
    }
    return true;
}

bool listeners_tell(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    struct telling t = {.routing = r, .list = list, .n = n};
    struct kv_args names;
    kv_args_init(&names);
    add_names(&names, list, n);
    bool ok = true;
    for (int p = 0; ok && names.n > 0 && p < r->conf->partitions; p++) {
        key_prefix(p, t.prefix);
        ok = tell_partition(&t, &names, e);
    }
    kv_args_release(&names);
    return ok;
}
