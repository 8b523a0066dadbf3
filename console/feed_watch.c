#include "feed_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "describe.h"
#include "feed.h"
#include "js.h"
#include "live.h"
#include "log.h"
#include "overview.h"
#include "row.h"
#include "run_json.h"
#include "workers.h"

enum {
    MOST_EVENTS_AT_ONCE = 1000,
    MOST_CHANGES = 2000,
    MARGIN_MS = 10000,
    WORKERS_MS = 2000,
    OVERVIEW_MS = 5000,
    MOST_ENDED = 1000,
    LEAST_AWAITED_MS = 5000,
    MOST_AWAITED_MS = 60000
};

struct feed_watch {
    feed_put *put;
    void *cls;
    struct kv *kv;
    struct db *db;
    struct desk desk;
    json_t *seen, *seen_before; /* events that were told; two generations, so that they end */
    int64_t seen_since_ms;      /* monotonic */
    json_t *states;             /* live run → its state at the last look */
    json_t *
        awaited; /* runs that began or are gone, and whose end is not known yet → since (monotonic ms) */
    json_t *steps;    /* watched run → how many attempts of steps were told */
    int64_t taken_ms; /* of the last picture */
    bool first;       /* nothing to compare with yet */
    char *workers;    /* as told last */
    int64_t workers_at_ms, overview_at_ms;
    bool away;
};

void feed_watched_add(struct feed_watched *w, const char *id)
{
    for (int i = 0; i < w->count; i++) {
        if (strcmp(w->ids[i], id) == 0)
            return;
    }
    if (w->count < FEED_WATCHED)
        memcpy(w->ids[w->count++], id, ID_SIZE);
}

static void put_json(struct feed_watch *w, unsigned topic, const char *name, const char *run,
                     json_t *j)
{
    auto_free char *text = js_dump(j, NULL);
    json_decref(j);
    if (text != NULL)
        w->put(w->cls, topic, name, run, text);
}

/* More has changed than is worth telling one by one. */
static void put_reset(struct feed_watch *w)
{
    w->put(w->cls, 0, "reset", "", "{}");
}

/* ---- events ---- */

static bool is_new_event(struct feed_watch *w, const char *id)
{
    if (json_object_get(w->seen, id) != NULL || json_object_get(w->seen_before, id) != NULL)
        return false;
    (void)json_object_set_new(w->seen, id, json_true());
    return true;
}

static void forget_old_events(struct feed_watch *w)
{
    if (mono_ms() - w->seen_since_ms < 2 * MARGIN_MS)
        return;
    json_decref(w->seen_before);
    w->seen_before = w->seen;
    w->seen = json_object();
    w->seen_since_ms = mono_ms();
}

static void tell_event(struct feed_watch *w, const PGresult *r, int row)
{
    size_t i;
    json_t *run, *runs = row_runs(r, row);
    json_array_foreach (runs, i, run)
        (void)json_object_set_new(w->awaited, js_str(run, "run_id"), json_integer(mono_ms()));
    put_json(w, FEED_EVENT, "event", "",
             js_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "internal_id", row_text(r, row, "id"),
                     "name", row_text(r, row, "name"), "creator_id", row_text(r, row, "creator_id"),
                     "received_at", row_time(r, row, "accepted_ms"), "outcome",
                     row_text(r, row, "outcome"), "runs", runs));
}

static bool look_at_events(struct feed_watch *w, struct err *e)
{
    char least[ID_SIZE], most[24];
    id_derive(wall_ms() - MARGIN_MS, "", "", least);
    memset(least + 10, '0', ID_SIZE - 11);
    (void)snprintf(most, sizeof(most), "%d", MOST_EVENTS_AT_ONCE);
    auto_result *r = DB_QUERY(w->db, e, "newest_events", least, most);
    if (r == NULL)
        return false;
    forget_old_events(w);
    int told = 0;
    for (int i = PQntuples(r) - 1; i >= 0; i--) {
        if (!is_new_event(w, db_text(r, i, "id")) || w->first)
            continue;
        tell_event(w, r, i);
        told++;
    }
    if (told == MOST_EVENTS_AT_ONCE)
        put_reset(w); /* there may have been more */
    return true;
}

/* ---- runs ---- */

static json_t *run_message(const char *id, enum run_state s, bool begun, json_t *function,
                           json_t *creator)
{
    return js_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:n, s:n, s:n, s:n}", "run_id", id, "state",
                   run_state_name(s), "status", run_status_name(s, begun), "function_id", function,
                   "creator_id", creator, "at", json_time(wall_ms()), "step", "attempt", "error",
                   "worker");
}

static void tell_state(struct feed_watch *w, const struct live *l, const struct live_run *r)
{
    enum run_state s = (enum run_state)r->state;
    put_json(w, FEED_RUN, "run", r->id,
             run_message(r->id, s, s != RUN_READY && s != RUN_WAITING,
                         json_text(live_name(l, r->function)),
                         json_text(live_name(l, r->creator))));
}

static void await_gone(struct feed_watch *w, const json_t *states)
{
    const char *id;
    json_t *state;
    json_object_foreach (w->states, id, state) {
        if (json_object_get(states, id) == NULL)
            (void)json_object_set_new(w->awaited, id, json_integer(mono_ms()));
    }
}

static void compare(struct feed_watch *w, const struct live *l)
{
    int told = 0;
    json_t *states = json_object();
    for (size_t i = 0; i < l->count; i++) {
        const struct live_run *r = &l->runs[i];
        const json_t *before = json_object_get(w->states, r->id);
        (void)json_object_set_new_nocheck(states, r->id, json_integer(r->state));
        bool other = before == NULL || json_integer_value(before) != r->state;
        if (other && !w->first && told++ < MOST_CHANGES)
            tell_state(w, l, r);
    }
    if (told > MOST_CHANGES)
        put_reset(w);
    await_gone(w, states);
    json_decref(w->states);
    w->states = states;
    w->taken_ms = l->taken_ms;
}

static bool look_at_live(struct feed_watch *w, struct err *e)
{
    struct live *l = live_take(&w->desk, e);
    if (l == NULL)
        return false;
    if (l->taken_ms != w->taken_ms)
        compare(w, l);
    live_release(l);
    return true;
}

static json_t *names_awaited(const struct feed_watch *w)
{
    const char *id;
    json_t *since, *list = json_array();
    json_object_foreach (w->awaited, id, since) {
        if (json_array_size(list) < MOST_ENDED)
            (void)json_array_append_new(list, json_string(id));
    }
    return list;
}

static void tell_ended(struct feed_watch *w, const PGresult *r, int row)
{
    const char *id = db_text(r, row, "id");
    enum run_state s = RUN_COMPLETED;
    (void)run_state_find(db_text(r, row, "status"), &s);
    json_t *j =
        run_message(id, s, true, row_text(r, row, "function_id"), row_text(r, row, "creator_id"));
    (void)json_object_set_new(j, "error", row_problem(r, row));
    (void)json_object_set_new(j, "worker", row_text(r, row, "worker"));
    (void)json_object_set_new(j, "at", row_time(r, row, "finished_ms"));
    put_json(w, FEED_RUN, "run", id, j);
    (void)json_object_del(w->awaited, id);
}

/* A run that lives on is told by its states; one whose end does not come is let go. */
static void let_go(struct feed_watch *w)
{
    const char *id;
    json_t *since;
    void *next;
    json_object_foreach_safe(w->awaited, next, id, since)
    {
        if (mono_ms() - json_integer_value(since) > LEAST_AWAITED_MS &&
            json_object_get(w->states, id) != NULL)
            (void)json_object_del(w->awaited, id);
        else if (mono_ms() - json_integer_value(since) > MOST_AWAITED_MS)
            (void)json_object_del(w->awaited, id);
    }
}

static bool look_at_ended(struct feed_watch *w, struct err *e)
{
    if (json_object_size(w->awaited) > MOST_ENDED) {
        (void)json_object_clear(w->awaited);
        put_reset(w);
    }
    if (json_object_size(w->awaited) == 0)
        return true;
    auto_json *names = names_awaited(w);
    auto_free char *array = array_of(names);
    auto_result *r = DB_QUERY(w->db, e, "ended_runs", array);
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        tell_ended(w, r, i);
    let_go(w);
    return r != NULL;
}

/* ---- the steps of runs that are watched ---- */

static void tell_steps(struct feed_watch *w, const PGresult *r, int row)
{
    const char *id = db_text(r, row, "run_id");
    const json_t *before = json_object_get(w->steps, id), *state = json_object_get(w->states, id);
    json_int_t n = db_int(r, row, "n", 0);
    enum run_state s = state != NULL ? (enum run_state)json_integer_value(state) : RUN_RUNNING;
    if (before != NULL && json_integer_value(before) == n)
        return;
    (void)json_object_set_new(w->steps, id, json_integer(n));
    json_t *j = run_message(id, s, true, row_text(r, row, "function_id"), json_null());
    (void)json_object_set_new(j, "step", row_text(r, row, "step"));
    (void)json_object_set_new(j, "attempt", row_int(r, row, "attempt"));
    (void)json_object_set_new(j, "error", row_problem(r, row));
    put_json(w, FEED_RUN, "run", id, j);
}

static bool look_at_steps(struct feed_watch *w, const struct feed_watched *watched, struct err *e)
{
    if (watched->count == 0)
        return json_object_clear(w->steps) == 0;
    auto_json *names = json_array();
    for (int i = 0; i < watched->count; i++)
        (void)json_array_append_new(names, json_string(watched->ids[i]));
    auto_free char *array = array_of(names);
    auto_result *r = DB_QUERY(w->db, e, "last_steps", array);
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        tell_steps(w, r, i);
    return r != NULL;
}

/* ---- the whole ---- */

/* How long each heartbeat is still good changes all the time and is no news. */
static bool look_at_workers(struct feed_watch *w, struct err *e)
{
    size_t i;
    json_t *v;
    w->workers_at_ms = mono_ms() + WORKERS_MS;
    json_t *list = workers_list(&w->desk, e);
    if (list == NULL)
        return false;
    auto_json *plain = json_deep_copy(list);
    json_array_foreach (plain, i, v) {
        size_t k;
        json_t *doing;
        (void)json_object_del(v, "expires_in_ms");
        json_array_foreach (json_object_get(v, "doing"), k, doing)
            (void)json_object_del(doing, "since");
    }
    char *text = js_dump(plain, NULL);
    bool same = w->workers != NULL && strcmp(w->workers, text) == 0;
    free(w->workers);
    w->workers = text;
    if (same)
        json_decref(list);
    else
        put_json(w, FEED_WORKERS, "workers", "", list);
    return true;
}

static bool look_at_overview(struct feed_watch *w, struct err *e)
{
    w->overview_at_ms = mono_ms() + OVERVIEW_MS;
    json_t *j = overview_get(&w->desk, e);
    if (j != NULL)
        put_json(w, FEED_OVERVIEW, "overview", "", j);
    return j != NULL;
}

void feed_watch_look(struct feed_watch *w, unsigned topics, const struct feed_watched *watched)
{
    struct err e = {0};
    bool ok =
        look_at_events(w, &e) && look_at_live(w, &e) && look_at_ended(w, &e) &&
        look_at_steps(w, watched, &e) &&
        ((topics & FEED_WORKERS) == 0 || mono_ms() < w->workers_at_ms || look_at_workers(w, &e)) &&
        ((topics & FEED_OVERVIEW) == 0 || mono_ms() < w->overview_at_ms || look_at_overview(w, &e));
    if (ok)
        w->first = false;
    if (!ok && !w->away)
        log_warn("who watches is not told what changes at the moment", "error", e.msg, LOG_END);
    else if (ok && w->away)
        put_reset(w);
    w->away = !ok;
}

void feed_watch_forget(struct feed_watch *w)
{
    (void)json_object_clear(w->awaited);
    (void)json_object_clear(w->states);
    (void)json_object_clear(w->steps);
    free(w->workers);
    w->workers = NULL;
    w->taken_ms = 0;
    w->first = true;
}

struct feed_watch *feed_watch_new(const struct conf *c, feed_put *put, void *cls)
{
    struct err e;
    struct feed_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    *w = (struct feed_watch){.put = put, .cls = cls, .first = true};
    w->kv = kv_new(c->redis_url, &e); /* parsed before, at the start */
    w->db = db_new(c->database_url, "chronos-console-feed");
    if (w->kv == NULL)
        abort();
    w->desk = (struct desk){.conf = c, .kv = w->kv, .db = w->db, .who = "console", .from = ""};
    w->seen = json_object();
    w->seen_before = json_object();
    w->states = json_object();
    w->awaited = json_object();
    w->steps = json_object();
    w->seen_since_ms = mono_ms();
    return w;
}

void feed_watch_free(struct feed_watch *w)
{
    if (w == NULL)
        return;
    json_decref(w->seen);
    json_decref(w->seen_before);
    json_decref(w->states);
    json_decref(w->awaited);
    json_decref(w->steps);
    free(w->workers);
    db_free(w->db);
    kv_free(w->kv);
    free(w);
}
