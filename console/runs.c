/* A list of runs is two lists put together by id: live ones, of which Redis knows where they are, and ended ones, which Postgres
 * keeps. Live ones are looked at first: one that ends meanwhile is then found in Postgres, and counts as ended. */
#include "runs.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "js.h"
#include "live.h"
#include "row.h"
#include "run_json.h"

enum { BATCH = 100, MOST_LOOKED_AT = 3000, RECENT_MS = 2000, MOST_RECENT = 1000 };

/* ---- what is asked for ---- */

struct query {
    const struct run_filter *filter;
    unsigned mask;
    json_t *functions, *creators; /* arrays; NULL = any */
    const char *cursor;
    int limit;
    char floor[ID_SIZE]; /* live runs up to this one were not looked at; "" = all were */
};

static json_t *words(const char *list)
{
    if (list == NULL || *list == '\0')
        return NULL;
    json_t *j = json_array();
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (n > 0)
            (void)json_array_append_new(j, json_stringn(list, n));
        list += n + (list[n] == ',');
    }
    return j;
}

static bool is_among(const json_t *list, const char *word)
{
    size_t i;
    json_t *v;
    if (list == NULL)
        return true;
    json_array_foreach (list, i, v) {
        if (strcmp(json_string_value(v), word) == 0)
            return true;
    }
    return false;
}

static bool read_query(struct desk *d, struct query *q, struct err *e)
{
    const char *status = q->filter->status;
    char all[RUN_STATE_WORDS_SIZE];
    q->mask = RUN_LIVE_MASK | RUN_ENDED_MASK;
    if (status != NULL && *status != '\0')
        q->mask = run_state_mask(status);
    if (q->mask == 0)
        return desk_refuse(d, "status", e, "status: %.64s is no state of a run; there are %s",
                           status, run_state_words(all)) != NULL;
    if (q->cursor != NULL && id_ms(q->cursor) < 0)
        return desk_refuse(d, "cursor", e, "cursor must be what the page before gave as next") !=
               NULL;
    if (q->filter->q != NULL && strlen(q->filter->q) > 200)
        return desk_refuse(d, "q", e, "q must be text of at most 200 bytes") != NULL;
    q->functions = words(q->filter->function);
    q->creators = words(q->filter->creator);
    if (json_array_size(q->functions) > 100 || json_array_size(q->creators) > 100)
        return desk_refuse(d, "function", e,
                           "at most 100 functions or creators may be asked for") != NULL;
    return true;
}

static void release_query(struct query *q)
{
    json_decref(q->functions);
    json_decref(q->creators);
}

static bool is_in_time(const struct query *q, int64_t ms)
{
    return (q->filter->after_ms == 0 || ms >= q->filter->after_ms) &&
           (q->filter->before_ms == 0 || ms < q->filter->before_ms);
}

static bool is_before(const struct query *q, const char *id)
{
    return q->cursor == NULL || strcmp(id, q->cursor) < 0;
}

/* ---- live ones ---- */

struct candidates {
    char (*ids)[ID_SIZE];
    size_t count, cap;
};

static void add_candidate(struct candidates *c, const char *id)
{
    if (c->count == c->cap) {
        c->cap = c->cap > 0 ? c->cap * 2 : 256;
        c->ids = realloc(c->ids, c->cap * sizeof(*c->ids));
        if (c->ids == NULL)
            abort();
    }
    memcpy(c->ids[c->count++], id, ID_SIZE);
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(b, a);
}

static bool fits(const struct query *q, const struct live *l, const struct live_run *r)
{
    return (q->mask & RUN_BIT(r->state)) != 0 && is_before(q, r->id) &&
           is_in_time(q, r->accepted_ms) && is_among(q->functions, live_name(l, r->function)) &&
           is_among(q->creators, live_name(l, r->creator));
}

/* The picture may be some seconds old. What was accepted since is asked for where it matters, at the head of the list. */
static bool add_recent(struct desk *d, struct candidates *c, int64_t since_ms, struct err *e)
{
    char least[ID_SIZE], most[24];
    id_derive(since_ms - RECENT_MS, "", "", least);
    memset(least + 10, '0', ID_SIZE - 11);
    (void)snprintf(most, sizeof(most), "%d", MOST_RECENT);
    auto_result *r = DB_QUERY(d->db, e, "new_events", least, most);
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        auto_json *runs = row_json(r, i, "run_ids");
        for (size_t k = 0; k < json_array_size(runs); k++) {
            const char *id = json_string_value(json_array_get(runs, k));
            if (id_ms(id) >= 0)
                add_candidate(c, id);
        }
    }
    return r != NULL;
}

static bool find_candidates(struct desk *d, const struct query *q, struct candidates *c,
                            struct err *e)
{
    struct live *l = live_take(d, e);
    if (l == NULL)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        if (fits(q, l, &l->runs[i]))
            add_candidate(c, l->runs[i].id);
    }
    bool ok = q->cursor != NULL || add_recent(d, c, l->taken_ms, e);
    live_release(l);
    if (c->count > 0)
        qsort(c->ids, c->count, sizeof(*c->ids), newest_first);
    return ok;
}

static int row_about(const PGresult *rows, const char *id)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        if (strcmp(db_text(rows, i, "id"), id) == 0)
            return i;
    }
    return -1;
}

static bool contains(const char *text, const char *part)
{
    return text != NULL && strcasestr(text, part) != NULL;
}

static bool is_asked_for(const struct query *q, const struct description *x, const PGresult *begun,
                         int row)
{
    const struct run_filter *f = q->filter;
    if (!x->found || !is_among(q->functions, x->function) || !is_among(q->creators, x->creator) ||
        !is_in_time(q, x->accepted_ms) ||
        (q->mask & RUN_BIT(x->ended ? RUN_RUNNING : x->state)) == 0)
        return false;
    if (f->event_name != NULL &&
        (row < 0 || strcmp(db_text(begun, row, "event_name"), f->event_name) != 0))
        return false;
    return f->q == NULL || contains(x->failure, f->q);
}

/* A part of the candidates, as they are now. */
static bool look_at(struct desk *d, const struct query *q, const struct candidates *c, size_t from,
                    size_t n, json_t *list, struct err *e)
{
    const char *ids[BATCH];
    struct description found[BATCH];
    auto_json *names = json_array();
    for (size_t i = 0; i < n; i++) {
        ids[i] = c->ids[from + i];
        (void)json_array_append_new(names, json_string(ids[i]));
    }
    if (!describe_runs(d, ids, n, found, e))
        return false;
    auto_free char *array = array_of(names);
    auto_result *begun = DB_QUERY(d->db, e, "begun_runs", array);
    for (size_t i = 0; i < n; i++) {
        int row = begun != NULL ? row_about(begun, ids[i]) : -1;
        if (begun != NULL && is_asked_for(q, &found[i], begun, row))
            (void)json_array_append_new(list, run_of_description(ids[i], &found[i], begun, row));
        description_release(&found[i]);
    }
    return begun != NULL;
}

static bool list_live(struct desk *d, struct query *q, json_t *list, struct err *e)
{
    struct candidates c = {0};
    bool ok = find_candidates(d, q, &c, e);
    size_t at = 0, looked = 0;
    while (ok && at < c.count && json_array_size(list) <= (size_t)q->limit &&
           looked < MOST_LOOKED_AT) {
        struct candidates part = {0};
        for (; at < c.count && part.count < BATCH; at++) {
            if ((at == 0 || strcmp(c.ids[at], c.ids[at - 1]) != 0) && is_before(q, c.ids[at]))
                add_candidate(&part, c.ids[at]);
        }
        ok = part.count == 0 || look_at(d, q, &part, 0, part.count, list, e);
        looked += part.count;
        free(part.ids);
    }
    if (ok && at < c.count && at > 0)
        memcpy(q->floor, c.ids[at - 1], ID_SIZE);
    free(c.ids);
    return ok;
}

/* ---- ended ones ---- */

static const char *number(int64_t v, char out[24])
{
    (void)snprintf(out, 24, "%lld", (long long)v);
    return v != 0 ? out : NULL;
}

/* NULL: any. */
static char *statuses_of(unsigned mask)
{
    if ((mask & RUN_ENDED_MASK) == RUN_ENDED_MASK)
        return NULL;
    auto_json *list = json_array();
    for (int s = RUN_LIVE_STATES; s < RUN_STATES; s++) {
        if (mask & RUN_BIT(s))
            (void)json_array_append_new(list, json_string(run_state_name((enum run_state)s)));
    }
    return array_of(list);
}

static PGresult *ask_ended(struct desk *d, const struct query *q, struct err *e)
{
    char after[24], before[24], most[24];
    const struct run_filter *f = q->filter;
    auto_free char *functions = q->functions != NULL ? array_of(q->functions) : NULL;
    auto_free char *creators = q->creators != NULL ? array_of(q->creators) : NULL;
    auto_free char *statuses = statuses_of(q->mask);
    if (!db_begin(d->db, e))
        return NULL;
    PGresult *r = NULL;
    if (DB_EXEC(d->db, e, "plan_for_these"))
        r = DB_QUERY(d->db, e, "list_ended_runs", q->cursor, functions, creators, statuses,
                     number(f->after_ms, after), number(f->before_ms, before), f->event_name, f->q,
                     number(q->limit + 1, most));
    db_rollback(d->db);
    return r;
}

static bool list_ended(struct desk *d, const struct query *q, json_t *list, struct err *e)
{
    auto_result *r = ask_ended(d, q, e);
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        (void)json_array_append_new(list, run_of_row(r, i, false));
    return r != NULL;
}

/* ---- both ---- */

static const char *id_at(const json_t *list, size_t i)
{
    return js_str(json_array_get(list, i), "run_id");
}

/* Newest first, at most limit + 1. Of one that is in both the ended one counts. */
static json_t *merge(const struct query *q, const json_t *live, const json_t *ended)
{
    json_t *list = json_array();
    size_t a = 0, b = 0;
    while (json_array_size(list) <= (size_t)q->limit &&
           (id_at(live, a) != NULL || id_at(ended, b) != NULL)) {
        const char *x = id_at(live, a), *y = id_at(ended, b);
        int order = x == NULL ? -1 : y == NULL ? 1 : strcmp(x, y);
        const json_t *next = order > 0 ? json_array_get(live, a) : json_array_get(ended, b);
        a += order >= 0;
        b += order <= 0;
        if (q->floor[0] != '\0' && strcmp(js_str(next, "run_id"), q->floor) < 0)
            break; /* live ones from there on are not known */
        (void)json_array_append(list, (json_t *)next);
    }
    return list;
}

/* Cuts what is too much, and says where to go on. */
static char *next_of(const struct query *q, json_t *list)
{
    size_t n = json_array_size(list);
    const char *last = NULL;
    if (n > (size_t)q->limit) {
        (void)json_array_remove(list, n - 1);
        last = id_at(list, n - 2);
    } else if (q->floor[0] != '\0') {
        last = q->floor;
    }
    return last != NULL ? strdup(last) : NULL;
}

json_t *runs_list(struct desk *d, const struct run_filter *f, int limit, const char *cursor,
                  char **ret_next, struct err *e)
{
    struct query q = {.filter = f, .cursor = cursor, .limit = limit};
    json_t *list = NULL;
    auto_json *live = json_array();
    auto_json *ended = json_array();
    *ret_next = NULL;
    bool ok = read_query(d, &q, e) &&
              ((q.mask & RUN_LIVE_MASK) == 0 || list_live(d, &q, live, e)) &&
              ((q.mask & RUN_ENDED_MASK) == 0 || list_ended(d, &q, ended, e));
    if (ok) {
        list = merge(&q, live, ended);
        *ret_next = next_of(&q, list);
    }
    release_query(&q);
    return list;
}
