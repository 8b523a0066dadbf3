#include "epochs.h"

#include <stdio.h>
#include <string.h>

#include "id.h"

enum { DOOR, FUNCTIONS, FIRST_PARTITION };

static void add(struct epochs *ep, const char *prefix, const char *name)
{
    struct epoch *x = &ep->list[ep->count++];
    key2(x->key, prefix, "epoch");
    (void)snprintf(x->name, sizeof(x->name), "redis_epoch%s", name);
    x->value[0] = '\0';
}

static void list_all(struct epochs *ep, int partitions)
{
    ep->count = 0;
    add(ep, "{" KEY_EVENTS "}", ""); /* in the slot of the stream */
    add(ep, "{" KEY_FUNCTIONS "}", ":functions");
    for (int p = 0; p < partitions; p++) {
        char prefix[PREFIX_SIZE], name[EPOCH_NAME_SIZE];
        key_prefix(p, prefix);
        (void)snprintf(name, sizeof(name), ":%d", p);
        add(ep, prefix, name);
    }
}

/* What was there wins: another scheduler may make it at the same time. */
static bool read_or_make(struct epoch *x, struct kv *kv, struct err *e)
{
    auto_reply *there = kv_cmd(kv, e, "GET %s", x->key); /* first: a full Redis refuses SET */
    if (there == NULL)
        return false;
    if (there->type == REDIS_REPLY_STRING) {
        (void)snprintf(x->value, EPOCH_SIZE, "%s", there->str);
        return true;
    }
    char fresh[EPOCH_SIZE];
    (void)snprintf(fresh, sizeof(fresh), "%016llx", (unsigned long long)id_random());
    auto_reply *first = kv_cmd(kv, e, "SET %s %s NX GET", x->key, fresh);
    if (first == NULL)
        return false;
    (void)snprintf(x->value, EPOCH_SIZE, "%s",
                   first->type == REDIS_REPLY_STRING ? first->str : fresh);
    return true;
}

bool epochs_read(struct epochs *ep, int partitions, struct kv *kv, struct err *e)
{
    list_all(ep, partitions);
    for (int i = 0; i < ep->count; i++) {
        if (!read_or_make(&ep->list[i], kv, e))
            return false;
    }
    return true;
}

bool epochs_differ(const struct epochs *ep, struct kv *kv)
{
    struct err e;
    for (int i = 0; i < ep->count; i++) {
        if (!kv_pushf(kv, &e, "GET %s", ep->list[i].key))
            return false;
    }
    bool differ = false;
    for (int i = 0; i < ep->count; i++) {
        auto_reply *r = kv_pull(kv, &e);
        differ = differ || (r != NULL && (r->type != REDIS_REPLY_STRING ||
                                          strcmp(r->str, ep->list[i].value) != 0));
    }
    return differ;
}

const char *epochs_of_door(const struct epochs *ep)
{
    return ep->list[DOOR].value;
}

const char *epochs_of_partition(const struct epochs *ep, int partition)
{
    return ep->list[FIRST_PARTITION + partition].value;
}
