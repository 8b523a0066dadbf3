#include "controls.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "id.h"
#include "key.h"
#include "log.h"
#include "watcher.h"

enum { LOOK_AT_ONCE = 100, LOOK_AGAIN_MS = 10000, ENTRY_ID_SIZE = 48, ALL_AGAIN_MS = 60000 };

struct controls {
    struct watcher_thread *thread;
    PGresult *applied;                   /* NULL = not known what Redis has */
    int64_t look_again_ms, all_again_ms; /* monotonic */
};

/* ---- one control ---- */

static redisReply *call(struct kv *kv, int partition, const char *script, struct kv_args *a,
                        struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    redisReply *r = kv_script(kv, script, prefix, a, e);
    kv_args_release(a);
    return r;
}

static bool set_one(struct kv *kv, int partition, const char *script, const char *name,
                    const char *value, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, name);
    kv_adds(&a, value);
    auto_reply *r = call(kv, partition, script, &a, e);
    return r != NULL;
}

/* A call looks at a bounded part of what is ready, and the next one goes on behind it. */
static bool set_pause_in(struct kv *kv, int partition, const char *fn, const char *mode,
                         struct err *e)
{
    char after[ENTRY_ID_SIZE] = "";
    do {
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, fn);
        kv_adds(&a, mode);
        kv_addi(&a, LOOK_AT_ONCE);
        kv_adds(&a, after);
        auto_reply *r = call(kv, partition, "set_pause", &a, e);
        if (r == NULL)
            return false;
        (void)snprintf(after, sizeof(after), "%s", r->element[0]->str);
    } while (after[0] != '\0');
    return true;
}

static bool set_pause(const struct conf *c, struct kv *kv, const char *fn, const char *mode,
                      struct err *e)
{
    for (int p = 0; p < c->partitions; p++) {
        if (!set_pause_in(kv, p, fn, mode, e))
            return false;
    }
    return true;
}

static bool call_all(const struct conf *c, struct kv *kv, const char *script, const char *name,
                     const char *value, struct err *e)
{
    for (int p = 0; p < c->partitions; p++) {
        if (!set_one(kv, p, script, name, value, e))
            return false;
    }
    return true;
}

static bool set_shared(struct kv *kv, const char *name, const char *value, struct err *e)
{
    auto_reply *r = *value != '\0' ? kv_cmd(kv, e, "HSET %s %s %s", KEY_MAXIMA, name, value)
                                   : kv_cmd(kv, e, "HDEL %s %s", KEY_MAXIMA, name);
    return r != NULL;
}

/* What is counted by owner is counted in one partition alone, and needs no sharing. */
static bool set_limit(const struct conf *c, struct kv *kv, const char *name, const char *value,
                      long long part, struct err *e)
{
    bool shared = part != 1 && c->partitions > 1;
    return call_all(c, kv, "set_override", name, shared ? "" : value, e) &&
           (part == 1 || set_shared(kv, name, shared ? value : "", e));
}

/* Work of an owner is in one partition. */
static bool set_weight(const struct conf *c, struct kv *kv, const char *owner, const char *value,
                       struct err *e)
{
    return set_one(kv, id_partition(owner, strlen(owner), (int)c->partitions), "set_weight", owner,
                   value, e);
}

/* `value` NULL: taken back. */
static bool apply(const struct conf *c, struct kv *kv, const PGresult *rows, int i,
                  const char *value, struct err *e)
{
    const char *kind = db_text(rows, i, "kind"), *name = db_text(rows, i, "name");
    if (strcmp(kind, "pause") == 0)
        return set_pause(c, kv, name, value != NULL ? value : "run", e);
    if (value == NULL)
        value = "";
    if (strcmp(kind, "limit") == 0)
        return set_limit(c, kv, name, value, db_int(rows, i, "part", 0), e);
    return set_weight(c, kv, name, value, e);
}

/* ---- all ---- */

/* Rows are in the order of kind and name. */
static int compare(const PGresult *a, int i, const PGresult *b, int k)
{
    if (k >= PQntuples(b))
        return -1;
    if (i >= PQntuples(a))
        return 1;
    int kind = strcmp(db_text(a, i, "kind"), db_text(b, k, "kind"));
    return kind != 0 ? kind : strcmp(db_text(a, i, "name"), db_text(b, k, "name"));
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Puts in what differs from `before` (NULL: everything). A row that is not there any more was taken back. */
static bool apply_changes(const struct conf *c, struct kv *kv, const PGresult *before,
                          const PGresult *now, struct err *e)
{
    int i = 0, k = 0, had = before != NULL ? PQntuples(before) : 0;
    while (i < had || k < PQntuples(now)) {
        int order = before != NULL ? compare(before, i, now, k) : 1;
        const char *value = order >= 0 ? db_text(now, k, "value") : NULL;
        bool changed = order != 0 || !is_same(db_text(before, i, "value"), value);
        if (changed && !apply(c, kv, order < 0 ? before : now, order < 0 ? i : k, value, e))
            return false;
        i += order <= 0;
        k += order >= 0;
    }
    return true;
}

bool controls_apply(const struct conf *c, struct err *e)
{
    struct kv *kv = kv_new(c->redis_url, e);
    if (kv == NULL)
        return false;
    struct db *db = db_new(c->database_url, "chronos-controls");
    auto_result *now = DB_QUERY(db, e, "list_controls");
    bool ok = now != NULL && apply_changes(c, kv, NULL, now, e);
    db_free(db);
    kv_free(kv);
    return ok;
}

/* ---- the thread ---- */

static void forget(struct controls *t)
{
    PQclear(t->applied);
    t->applied = NULL;
}

/* All of it again, now and then: another scheduler that was slow may have put in what was true before. */
static bool work(struct watcher *w, int64_t *ret_wait_ms, struct err *e)
{
    struct controls *t = w->state;
    (void)ret_wait_ms;
    if (mono_ms() >= t->all_again_ms)
        forget(t);
    else if (!w->told && t->applied != NULL && mono_ms() < t->look_again_ms)
        return true;
    PGresult *now = DB_QUERY(w->db, e, "list_controls");
    if (now == NULL)
        return false;
    bool all = t->applied == NULL, ok = apply_changes(w->conf, w->kv, t->applied, now, e);
    forget(t);
    if (!ok) {
        PQclear(now);
        return false;
    }
    t->applied = now;
    t->look_again_ms = mono_ms() + LOOK_AGAIN_MS;
    if (all)
        t->all_again_ms = mono_ms() + ALL_AGAIN_MS;
    return true;
}

static const struct watcher_def def = {
    .application = "chronos-controls",
    .listen = "listen_controls",
    .failure = "what operators have set cannot be put into redis yet",
    .work = work,
};

struct controls *controls_start(const struct conf *c, const atomic_bool *stopping, struct err *e)
{
    struct controls *t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->thread = watcher_start(&def, c, stopping, t, e);
    if (t->thread == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

void controls_stop(struct controls *t)
{
    watcher_stop(t->thread);
    forget(t);
    free(t);
}
