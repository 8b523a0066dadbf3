#include "workers.h"

#include <string.h>

#include "describe.h"
#include "js.h"
#include "key.h"
#include "leases.h"
#include "row.h"

enum { BATCH = 100 };

/* ---- who lives ---- */

/* Pushes GET and PTTL of each heartbeat. */
static bool push_heartbeats(struct desk *d, const redisReply *offers, struct err *e)
{
    char key[KEY_SIZE];
    for (size_t i = 0; i + 1 < offers->elements; i += 2) {
        if (!kv_pushf(d->kv, e, "GET %s", key_worker(key, offers->element[i]->str)) ||
            !kv_pushf(d->kv, e, "PTTL %s", key))
            return false;
    }
    return true;
}

static json_t *functions_in(const char *list)
{
    json_t *j = json_array();
    while (*list != '\0') {
        size_t n = strcspn(list, " ");
        if (n > 0)
            (void)json_array_append_new(j, json_stringn(list, n));
        list += n + (list[n] == ' ');
    }
    return j;
}

static json_t *worker_of(const char *id, const char *functions, const redisReply *beat,
                         long long left_ms)
{
    struct err ignored;
    auto_json *info = js_parse(beat->str, beat->len, &ignored);
    return js_pack("{s:o, s:O?, s:O?, s:o, s:O?, s:O?, s:o, s:I, s:[]}", "id", json_text(id),
                   "host", js_get(info, "host"), "pid", js_get(info, "pid"), "started_at",
                   json_time(js_int(info, "started", 0)), "threads", js_get(info, "threads"),
                   "busy", js_get(info, "busy"), "functions", functions_in(functions),
                   "expires_in_ms", (json_int_t)left_ms, "doing");
}

/* Those whose heartbeat is there. All replies are taken, also after a failure. */
static json_t *living(struct desk *d, struct err *e)
{
    auto_reply *offers = kv_cmd(d->kv, e, "HGETALL %s", KEY_OFFERS);
    if (offers == NULL || !push_heartbeats(d, offers, e))
        return NULL;
    bool ok = true;
    json_t *list = json_array();
    for (size_t i = 0; i + 1 < offers->elements; i += 2) {
        auto_reply *beat = kv_pull(d->kv, e);
        auto_reply *left = kv_pull(d->kv, e);
        ok = ok && beat != NULL && left != NULL;
        if (ok && beat->type == REDIS_REPLY_STRING)
            (void)json_array_append_new(list, worker_of(offers->element[i]->str,
                                                        offers->element[i + 1]->str, beat,
                                                        left->integer));
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

json_t *workers_by_function(struct desk *d, struct err *e)
{
    size_t i, k;
    json_t *w, *f;
    auto_json *list = living(d, e);
    if (list == NULL)
        return NULL;
    json_t *counts = json_object();
    json_array_foreach (list, i, w) {
        json_array_foreach (json_object_get(w, "functions"), k, f) {
            const char *id = json_string_value(f);
            (void)json_object_set_new(
                counts, id, json_integer(json_integer_value(json_object_get(counts, id)) + 1));
        }
    }
    return counts;
}

bool workers_of(struct desk *d, const char *function, int *ret, struct err *e)
{
    auto_json *counts = workers_by_function(d, e);
    *ret = (int)json_integer_value(json_object_get(counts, function));
    return counts != NULL;
}

/* ---- what they do ---- */

static json_t *doing_of(const struct lease *l, const struct description *x)
{
    return js_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:I}", "run_id", json_text(l->run),
                   "function_id", json_text(l->function), "creator_id", json_text(x->creator),
                   "since", json_time(l->since_ms), "step", json_text(x->failing), "attempt",
                   x->found ? x->attempts : 1, "deliveries", (json_int_t)l->deliveries);
}

static json_t *find_worker(const json_t *list, const char *id)
{
    size_t i;
    json_t *w;
    json_array_foreach (list, i, w) {
        if (strcmp(js_str(w, "id"), id) == 0)
            return w;
    }
    return NULL;
}

static bool add_part(struct desk *d, json_t *list, const struct lease *leases, size_t n,
                     struct err *e)
{
    const char *ids[BATCH];
    struct description found[BATCH];
    for (size_t i = 0; i < n; i++)
        ids[i] = leases[i].run;
    if (!describe_runs(d, ids, n, found, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        json_t *w = find_worker(list, leases[i].worker);
        if (w != NULL && leases[i].run[0] != '\0')
            (void)json_array_append_new(json_object_get(w, "doing"),
                                        doing_of(&leases[i], &found[i]));
        description_release(&found[i]);
    }
    return true;
}

json_t *workers_list(struct desk *d, struct err *e)
{
    struct leases *leases = leases_read(d, e);
    json_t *list = leases != NULL && leases_name_runs(d, leases, e) ? living(d, e) : NULL;
    bool ok = list != NULL;
    for (size_t at = 0; ok && at < leases->count; at += BATCH)
        ok = add_part(d, list, &leases->list[at],
                      leases->count - at < BATCH ? leases->count - at : BATCH, e);
    leases_free(leases);
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}
