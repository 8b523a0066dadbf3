#include "leases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "describe.h"
#include "key.h"

enum { MOST_OF_ONE = 10000, NAME_SIZE = 2 * KEY_SIZE };

static char *copy(const char *s)
{
    char *c = strdup(s);
    if (c == NULL)
        abort();
    return c;
}

static const char *name_of(char out[NAME_SIZE], const char *prefix, const char *function,
                           const char *entry)
{
    (void)snprintf(out, NAME_SIZE, "%s %s %s", prefix, function, entry);
    return out;
}

static void add(struct leases *l, const char *prefix, const char *function,
                const redisReply *pending)
{
    char name[NAME_SIZE];
    l->list = realloc(l->list, (l->count + 1) * sizeof(*l->list));
    if (l->list == NULL)
        abort();
    l->list[l->count++] = (struct lease){
        .prefix = copy(prefix),
        .function = copy(function),
        .entry = copy(pending->element[0]->str),
        .worker = copy(pending->element[1]->str),
        .run = copy(""),
        .since_ms = wall_ms() - pending->element[2]->integer,
        .deliveries = pending->element[3]->integer,
    };
    (void)json_object_set_new(l->keys, name_of(name, prefix, function, pending->element[0]->str),
                              json_true());
}

bool leases_has(const struct leases *l, const char *prefix, const char *function, const char *entry)
{
    char name[NAME_SIZE];
    return json_object_get(l->keys, name_of(name, prefix, function, entry)) != NULL;
}

/* Of one partition, all functions in one go. A stream without its group has none. */
static bool read_partition(struct desk *d, struct leases *l, const char *prefix,
                           const redisReply *functions, struct err *e)
{
    char key[KEY_SIZE];
    bool ok = true;
    for (size_t i = 0; i < functions->elements; i++) {
        if (!kv_pushf(d->kv, e, "XPENDING %s %s - + %d",
                      key3(key, prefix, "ready", functions->element[i]->str), GROUP_WORKERS,
                      MOST_OF_ONE))
            return false;
    }
    for (size_t i = 0; i < functions->elements; i++) {
        struct err bad = {0};
        auto_reply *r = kv_pull(d->kv, &bad);
        if (r == NULL && bad.code == ERR_UNAVAILABLE) {
            ok = false;
            *e = bad;
        }
        for (size_t k = 0; r != NULL && k < r->elements; k++)
            add(l, prefix, functions->element[i]->str, r->element[k]);
    }
    return ok;
}

struct leases *leases_read(struct desk *d, struct err *e)
{
    int partitions;
    struct leases *l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->keys = json_object();
    auto_reply *functions = kv_cmd(d->kv, e, "HKEYS %s", KEY_FUNCTIONS);
    bool ok = functions != NULL && desk_partitions(d, &partitions, e);
    for (int p = 0; ok && p < partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        ok = read_partition(d, l, prefix, functions, e);
    }
    if (ok)
        return l;
    leases_free(l);
    return NULL;
}

bool leases_name_runs(struct desk *d, struct leases *l, struct err *e)
{
    char key[KEY_SIZE];
    bool ok = true;
    for (size_t i = 0; i < l->count; i++) {
        struct lease *x = &l->list[i];
        if (!kv_pushf(d->kv, e, "XRANGE %s %s %s", key3(key, x->prefix, "ready", x->function),
                      x->entry, x->entry))
            return false;
    }
    for (size_t i = 0; i < l->count; i++) {
        struct err bad = {0};
        auto_reply *r = kv_pull(d->kv, &bad);
        if (r == NULL && bad.code == ERR_UNAVAILABLE) {
            ok = false;
            *e = bad;
        }
        if (r == NULL || r->elements == 0 || r->element[0]->elements < 2 ||
            r->element[0]->element[1]->elements < 2)
            continue;
        free(l->list[i].run);
        l->list[i].run = copy(r->element[0]->element[1]->element[1]->str);
    }
    return ok;
}

void leases_free(struct leases *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++) {
        free(l->list[i].prefix);
        free(l->list[i].function);
        free(l->list[i].entry);
        free(l->list[i].worker);
        free(l->list[i].run);
    }
    free(l->list);
    json_decref(l->keys);
    free(l);
}
