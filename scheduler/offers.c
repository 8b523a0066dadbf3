#include "offers.h"

#include <string.h>

#include "js.h"
#include "key.h"

static void add_list(struct offers *o, const char *list)
{
    while (*list != '\0') {
        size_t n = strcspn(list, " ");
        char id[KEY_SIZE];
        (void)snprintf(id, sizeof(id), "%.*s", (int)n, list);
        (void)json_object_set_new(o->functions, id, json_integer(offers_of(o, id) + 1));
        list += list[n] == ' ' ? n + 1 : n;
    }
}

/* One that has died cannot take its word back. One that was silent for a while says it again when it is back. */
static bool forget(struct kv *kv, const char *worker, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "HDEL %s %s", KEY_OFFERS, worker);
    return r != NULL;
}

static bool read_all(struct offers *o, struct kv *kv, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "HGETALL %s", KEY_OFFERS);
    if (r == NULL)
        return false;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        char key[KEY_SIZE];
        const char *worker = r->element[i]->str;
        auto_reply *alive = kv_cmd(kv, e, "EXISTS %s", key_worker(key, worker));
        if (alive == NULL || (alive->integer == 0 && !forget(kv, worker, e)))
            return false;
        if (alive->integer != 0)
            add_list(o, r->element[i + 1]->str);
    }
    return true;
}

bool offers_read(struct offers *o, struct kv *kv, struct err *e)
{
    *o = (struct offers){.functions = json_object()};
    if (read_all(o, kv, e))
        return true;
    offers_release(o);
    return false;
}

void offers_release(struct offers *o)
{
    json_decref(o->functions);
    *o = (struct offers){0};
}

int offers_of(const struct offers *o, const char *fn)
{
    return (int)json_integer_value(json_object_get(o->functions, fn));
}
