#include "lookback.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "event.h"
#include "listeners.h"
#include "log.h"
#include "recorded.h"

enum {
    NAP_MS = 50,
    RETRY_MS = 500,
    SEARCHES_AT_ONCE = 32,
    ENTRIES_AT_ONCE = 100,
    ROWS_AT_ONCE = 200,
    SEARCH_FIELDS = 6,
};

struct lookback {
    pthread_t thread;
    struct routing routing;
};

/* For one listener. The texts are borrowed from the reply that named it. */
struct search {
    const char *listener, *event, *own_event, *condition, *step;
    int64_t since_ms;
    char *json; /* of the earliest event that was found; owned */
    size_t json_len;
    int64_t found_ms;
};

/* Those of one partition that are looked for together. */
struct searches {
    struct routing *routing;
    char prefix[PREFIX_SIZE];
    struct search list[SEARCHES_AT_ONCE];
    size_t count;
};

/* ---- is it this one? ---- */

static bool fits(struct searches *s, const struct search *one, struct event *ev)
{
    return strcmp(one->event, ev->name) == 0 && ev->came_ms >= one->since_ms &&
           (one->json == NULL || ev->came_ms < one->found_ms) &&
           strcmp(one->own_event, ev->id) != 0 &&
           conditions_hold(&s->routing->conditions, one->condition, event_json(ev));
}

static void keep(struct search *one, struct event *ev)
{
    free(one->json);
    one->json = event_input(ev, &one->json_len);
    one->found_ms = ev->came_ms;
}

/* ---- the streams ---- */

static bool is_looked_for(const struct searches *s, const redisReply *entry)
{
    const redisReply *name =
        entry->element[1]->type == REDIS_REPLY_ARRAY ? kv_field(entry->element[1], "name") : NULL;
    for (size_t i = 0; name != NULL && i < s->count; i++) {
        if (strcmp(s->list[i].event, name->str) == 0)
            return true;
    }
    return false;
}

/* An event whose idempotency key was seen before is none. */
static bool is_duplicate(struct searches *s, const struct event *ev, bool *ret, struct err *e)
{
    *ret = false;
    if (ev->key == NULL)
        return true;
    auto_reply *first = kv_cmd(s->routing->kv, e, "GET chronos:seen:%b", ev->key, strlen(ev->key));
    *ret = first != NULL && first->type == REDIS_REPLY_STRING && strcmp(first->str, ev->id) != 0;
    return first != NULL;
}

static bool look_at_event(struct searches *s, struct event *ev, struct err *e)
{
    for (size_t i = 0; i < s->count; i++) {
        bool duplicate;
        if (!fits(s, &s->list[i], ev))
            continue;
        if (!is_duplicate(s, ev, &duplicate, e))
            return false;
        if (!duplicate)
            keep(&s->list[i], ev);
    }
    return true;
}

static bool look_at_entry(struct searches *s, int stream, const redisReply *entry, struct err *e)
{
    struct routing *r = s->routing;
    struct event ev;
    struct err bad; /* what cannot be read is rejected by who routes it */
    if (!is_looked_for(s, entry))
        return true;
    bool ok = !event_read(&ev, entry, r->streams->names[stream], stream > 0,
                          r->streams->epochs[stream], r->conf->max_event_bytes, &bad) ||
              event_is_outcome(&ev) || ev.orders.fn != NULL || look_at_event(s, &ev, e);
    event_release(&ev);
    return ok;
}

static bool look_through_stream(struct searches *s, int stream, int64_t since_ms, struct err *e)
{
    char from[48];
    (void)snprintf(from, sizeof(from), "%lld", (long long)since_ms);
    while (!atomic_load(s->routing->stopping)) {
        auto_reply *page = kv_cmd(s->routing->kv, e, "XRANGE %s %s + COUNT %d",
                                  s->routing->streams->names[stream], from, ENTRIES_AT_ONCE);
        if (page == NULL)
            return false;
        for (size_t i = 0; i < page->elements; i++) {
            if (!look_at_entry(s, stream, page->element[i], e))
                return false;
        }
        if (page->elements < ENTRIES_AT_ONCE)
            return true;
        (void)snprintf(from, sizeof(from), "(%s",
                       page->element[page->elements - 1]->element[0]->str);
    }
    return err_set(e, ERR_STOPPING, "stopping");
}

static bool look_through_streams(struct searches *s, struct err *e)
{
    int64_t since_ms = s->list[0].since_ms;
    for (size_t i = 1; i < s->count; i++)
        since_ms = s->list[i].since_ms < since_ms ? s->list[i].since_ms : since_ms;
    for (int stream = 0; stream < s->routing->streams->count; stream++) {
        if (!look_through_stream(s, stream, since_ms, e))
            return false;
    }
    return true;
}

/* ---- Postgres ---- */

/* true: nothing earlier can come. */
static bool look_at_row(struct searches *s, struct search *one, const PGresult *rows, int row)
{
    struct event ev;
    struct err e;
    if (!recorded_event(&ev, rows, row, &e)) {
        log_error("an accepted event cannot be read back; nobody hears it", "event", ev.id, "error",
                  e.msg, LOG_END);
        return false;
    }
    bool found = fits(s, one, &ev);
    if (found)
        keep(one, &ev);
    event_release(&ev);
    return found;
}

static bool look_through_recorded(struct searches *s, struct search *one, struct err *e)
{
    char from[24], after[ID_SIZE] = "", most[16];
    (void)snprintf(from, sizeof(from), "%lld", (long long)one->since_ms);
    (void)snprintf(most, sizeof(most), "%d", ROWS_AT_ONCE);
    while (!atomic_load(s->routing->stopping)) {
        auto_result *rows =
            DB_QUERY(s->routing->db, e, "find_events_named", one->event, from, after, most);
        if (rows == NULL)
            return false;
        int n = PQntuples(rows);
        for (int i = 0; i < n; i++) {
            if (look_at_row(s, one, rows, i))
                return true;
        }
        if (n < ROWS_AT_ONCE)
            return true;
        (void)snprintf(from, sizeof(from), "%s", db_text(rows, n - 1, "accepted_ms"));
        (void)snprintf(after, sizeof(after), "%s", db_text(rows, n - 1, "id"));
    }
    return err_set(e, ERR_STOPPING, "stopping");
}

/* ---- one turn ---- */

static bool tell(struct searches *s, const struct search *one, struct err *e)
{
    if (one->json == NULL || *one->step == '\0')
        return true;
    struct match m = {.listener = one->listener,
                      .step = one->step,
                      .event = one->event,
                      .json = one->json,
                      .json_len = one->json_len};
    log_info("a run had waited for an event that came before", "listener", one->listener, "name",
             one->event, LOG_END);
    return listeners_hear(s->routing->kv, s->prefix, &m, 1, e);
}

/* Only now: a crash before does the work again. */
static bool drop(struct searches *s, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    for (size_t i = 0; i < s->count; i++)
        kv_adds(&a, s->list[i].listener);
    auto_reply *r = kv_script(s->routing->kv, "drop_lookback", s->prefix, &a, e);
    kv_args_release(&a);
    return r != NULL;
}

static bool look(struct searches *s, struct err *e)
{
    if (!look_through_streams(s, e))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        if (!look_through_recorded(s, &s->list[i], e) || !tell(s, &s->list[i], e))
            return false;
    }
    return drop(s, e);
}

static void read_searches(struct searches *s, const redisReply *taken)
{
    for (size_t i = 0; i + SEARCH_FIELDS <= taken->elements && s->count < SEARCHES_AT_ONCE;
         i += SEARCH_FIELDS) {
        redisReply *const *v = &taken->element[i];
        s->list[s->count++] = (struct search){
            .listener = v[0]->str,
            .event = v[1]->str,
            .own_event = v[2]->str,
            .condition = v[3]->str,
            .since_ms = strtoll(v[4]->str, NULL, 10),
            .step = v[5]->str,
        };
    }
}

/* Those of one partition, some at a time. */
static bool serve(struct routing *r, int partition, struct err *e)
{
    struct searches s = {.routing = r};
    key_prefix(partition, s.prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_addi(&a, SEARCHES_AT_ONCE);
    auto_reply *taken = kv_script(r->kv, "take_lookbacks", s.prefix, &a, e);
    kv_args_release(&a);
    if (taken == NULL)
        return false;
    read_searches(&s, taken);
    bool ok = s.count == 0 || look(&s, e);
    for (size_t i = 0; i < s.count; i++)
        free(s.list[i].json);
    return ok;
}

/* Asks all partitions in one go, as mostly there is nothing. */
static bool serve_all(struct routing *r, struct err *e)
{
    bool waiting[MAX_STREAMS] = {false}, ok = true;
    for (int p = 0; p < r->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        if (!kv_pushf(r->kv, e, "SCARD %s:lookbacks", prefix))
            return false;
    }
    for (int p = 0; p < r->conf->partitions; p++) {
        struct err later;
        auto_reply *count = kv_pull(r->kv, ok ? e : &later);
        ok = ok && count != NULL;
        waiting[p] = ok && count->integer > 0;
    }
    for (int p = 0; ok && p < r->conf->partitions; p++)
        ok = !waiting[p] || serve(r, p, e);
    return ok;
}

/* ---- the thread ---- */

static void *lookback_loop(void *arg)
{
    struct routing *r = &((struct lookback *)arg)->routing;
    bool failing = false;
    while (!atomic_load(r->stopping)) {
        struct err e;
        bool ok = serve_all(r, &e);
        if (!ok && !failing && e.code != ERR_STOPPING)
            log_warn("earlier events cannot be looked through yet", "error", e.msg, LOG_END);
        failing = !ok;
        sleep_ms(ok ? NAP_MS : RETRY_MS);
    }
    return NULL;
}

struct lookback *lookback_start(const struct routing *r, struct err *e)
{
    struct lookback *l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->routing = *r;
    if (!routing_open(&l->routing, "chronos-lookback", e)) {
        free(l);
        return NULL;
    }
    if (pthread_create(&l->thread, NULL, lookback_loop, l) != 0)
        abort(); /* at start */
    return l;
}

void lookback_stop(struct lookback *l)
{
    (void)pthread_join(l->thread, NULL);
    routing_close(&l->routing);
    free(l);
}
