#include "live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "describe.h"
#include "key.h"
#include "leases.h"

enum { SCAN_COUNT = 2000, AT_A_TIME = 250, LEAST_MS = 250, TIMES = 10 };

static struct {
    pthread_mutex_t lock; /* guards the others, and `uses` of all pictures */
    pthread_cond_t made;
    struct live *current;
    bool making;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .made = PTHREAD_COND_INITIALIZER};

/* ---- looking ---- */

static void add_id(struct live *l, size_t *cap, const char *id, int partition)
{
    if (l->count == *cap) {
        *cap = *cap > 0 ? *cap * 2 : 1024;
        l->runs = realloc(l->runs, *cap * sizeof(*l->runs));
        if (l->runs == NULL)
            abort();
    }
    struct live_run *r = &l->runs[l->count++];
    *r = (struct live_run){.partition = (uint16_t)partition};
    memcpy(r->id, id, ID_SIZE);
}

/* "{c3}:run:<id>"; a branch is a part of its run. */
static void add_key(struct live *l, size_t *cap, const char *key)
{
    char *end;
    long partition = strtol(key + 2, &end, 10);
    if (strncmp(end, "}:run:", 6) != 0 || strlen(end + 6) != ID_SIZE - 1 || partition < 0 ||
        partition >= MAX_PARTITIONS)
        return;
    if (l->count == LIVE_MOST)
        l->complete = false;
    else
        add_id(l, cap, end + 6, (int)partition);
}

static bool scan_server(struct desk *d, struct live *l, size_t *cap, int server, struct err *e)
{
    char cursor[32] = "0";
    do {
        auto_reply *r =
            kv_cmd_at(d->kv, server, e, "SCAN %s MATCH {c*}:run:* COUNT %d", cursor, SCAN_COUNT);
        if (r == NULL)
            return false;
        (void)snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++)
            add_key(l, cap, r->element[1]->element[i]->str);
    } while (strcmp(cursor, "0") != 0 && l->complete);
    return true;
}

static int by_partition(const void *a, const void *b)
{
    const struct live_run *x = a, *y = b;
    return x->partition != y->partition ? (int)x->partition - y->partition : strcmp(x->id, y->id);
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(((const struct live_run *)b)->id, ((const struct live_run *)a)->id);
}

static bool scan(struct desk *d, struct live *l, struct err *e)
{
    int servers;
    size_t cap = 0;
    if (!kv_servers(d->kv, &servers, e))
        return false;
    for (int s = 0; s < servers; s++) {
        if (!scan_server(d, l, &cap, s, e))
            return false;
    }
    return true;
}

static uint32_t name_of(struct live *l, const char *name)
{
    json_t *place = json_object_get(l->places, name);
    if (place == NULL) {
        json_t *text = json_string(name);
        /* bytes that are no text */
        if (text == NULL)
            return name_of(l, "?");
        place = json_integer((json_int_t)json_array_size(l->names));
        (void)json_array_append_new(l->names, text);
        (void)json_object_set_new(l->places, name, place);
    }
    return (uint32_t)json_integer_value(place);
}

const char *live_name(const struct live *l, uint32_t name)
{
    return json_string_value(json_array_get(l->names, name));
}

/* Of a part of the runs, all of one partition; those that are gone get an empty id. */
static bool look_at(struct desk *d, struct live *l, const struct leases *leases, size_t from,
                    size_t n, struct err *e)
{
    const char *ids[AT_A_TIME];
    struct description found[AT_A_TIME] = {0};
    char prefix[PREFIX_SIZE];
    struct live_run *runs = &l->runs[from];
    for (size_t i = 0; i < n; i++)
        ids[i] = runs[i].id;
    key_prefix(runs[0].partition, prefix);
    bool ok = describe_partition(d, runs[0].partition, ids, n, false, found, e);
    for (size_t i = 0; i < n; i++) {
        struct description *x = &found[i];
        if (ok && x->found && !x->ended) {
            bool runs_now =
                x->state == RUN_READY && leases_has(leases, prefix, x->function, x->entry);
            runs[i].state = (uint8_t)(runs_now ? RUN_RUNNING : x->state);
            runs[i].function = name_of(l, x->function);
            runs[i].creator = name_of(l, x->creator);
            runs[i].accepted_ms = x->accepted_ms;
        } else {
            runs[i].id[0] = '\0';
        }
        description_release(x);
    }
    return ok;
}

static bool look_at_all(struct desk *d, struct live *l, struct err *e)
{
    struct leases *leases = leases_read(d, e);
    bool ok = leases != NULL;
    qsort(l->runs, l->count, sizeof(*l->runs), by_partition);
    for (size_t from = 0, n; ok && from < l->count; from += n) {
        n = 1;
        while (n < AT_A_TIME && from + n < l->count &&
               l->runs[from + n].partition == l->runs[from].partition)
            n++;
        ok = look_at(d, l, leases, from, n, e);
    }
    leases_free(leases);
    return ok;
}

/* Those that are gone stand last then. A key may come twice in a scan. */
static void put_in_order(struct live *l)
{
    size_t kept = 0;
    qsort(l->runs, l->count, sizeof(*l->runs), newest_first);
    for (size_t i = 0; i < l->count && l->runs[i].id[0] != '\0'; i++) {
        if (kept == 0 || strcmp(l->runs[kept - 1].id, l->runs[i].id) != 0)
            l->runs[kept++] = l->runs[i];
    }
    l->count = kept;
}

static void discard(struct live *l)
{
    json_decref(l->names);
    json_decref(l->places);
    free(l->runs);
    free(l);
}

static struct live *look(struct desk *d, struct err *e)
{
    int64_t began = mono_ms();
    struct live *l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    *l = (struct live){.complete = true,
                       .taken_ms = wall_ms(),
                       .names = json_array(),
                       .places = json_object(),
                       .uses = 1};
    if (!scan(d, l, e) || (l->count > 0 && !look_at_all(d, l, e))) {
        discard(l);
        return NULL;
    }
    if (l->count > 0)
        put_in_order(l);
    int64_t took = mono_ms() - began;
    l->until_ms = mono_ms() + (took * TIMES > LEAST_MS ? took * TIMES : LEAST_MS);
    return l;
}

/* ---- sharing ---- */

static void put_down(struct live *l)
{
    if (--l->uses == 0)
        discard(l);
}

void live_release(struct live *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&cache.lock);
    put_down(l);
    (void)pthread_mutex_unlock(&cache.lock);
}

/* The picture if it may still be used; one that is too old as long as another is being made. */
static struct live *usable(void)
{
    struct live *l = cache.current;
    if (l == NULL || (mono_ms() >= l->until_ms && !cache.making))
        return NULL;
    l->uses++;
    return l;
}

struct live *live_take(struct desk *d, struct err *e)
{
    (void)pthread_mutex_lock(&cache.lock);
    struct live *l = usable();
    while (l == NULL && cache.making) {
        (void)pthread_cond_wait(&cache.made, &cache.lock);
        l = usable();
    }
    if (l != NULL) {
        (void)pthread_mutex_unlock(&cache.lock);
        return l;
    }
    cache.making = true;
    (void)pthread_mutex_unlock(&cache.lock);
    l = look(d, e);
    (void)pthread_mutex_lock(&cache.lock);
    cache.making = false;
    if (l != NULL) {
        if (cache.current != NULL)
            put_down(cache.current);
        cache.current = l;
        l->uses++;
    }
    (void)pthread_cond_broadcast(&cache.made);
    (void)pthread_mutex_unlock(&cache.lock);
    return l;
}
