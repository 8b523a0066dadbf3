#include "fleet.h"

#include <string.h>

#include "js.h"
#include "key.h"

static bool is_alive(struct kv *kv, const char *key, bool *ret, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "EXISTS %s", key);
    *ret = r != NULL && r->integer == 1;
    return r != NULL;
}

static json_t *split(const char *list)
{
    json_t *names = json_array();
    while (*list != '\0') {
        size_t n = strcspn(list, " ");
        (void)json_array_append_new(names, json_stringn(list, n));
        list += n + (list[n] == ' ');
    }
    return names;
}

static bool read_workers(struct fleet *f, struct kv *kv, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "HGETALL %s", KEY_OFFERS);
    if (r == NULL)
        return false;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        char key[KEY_SIZE];
        bool alive;
        if (!is_alive(kv, key_worker(key, r->element[i]->str), &alive, e))
            return false;
        (void)json_object_set_new(
            f->workers, r->element[i]->str,
            js_pack("{s:b, s:o}", "alive", alive, "functions", split(r->element[i + 1]->str)));
    }
    return true;
}

static bool read_schedulers(struct fleet *f, struct kv *kv, struct err *e)
{
    char prefix[PREFIX_SIZE], hash[KEY_SIZE];
    key_prefix(0, prefix);
    auto_reply *r = kv_cmd(kv, e, "HKEYS %s", key2(hash, prefix, "schedulers"));
    if (r == NULL)
        return false;
    for (size_t i = 0; i < r->elements; i++) {
        char key[KEY_SIZE];
        bool alive;
        if (!is_alive(kv, key_scheduler(key, r->element[i]->str), &alive, e))
            return false;
        (void)json_object_set_new(f->schedulers, r->element[i]->str,
                                  js_pack("{s:b}", "alive", alive));
    }
    return true;
}

bool fleet_read(struct fleet *f, struct kv *kv, struct err *e)
{
    *f = (struct fleet){.workers = json_object(), .schedulers = json_object()};
    if (read_workers(f, kv, e) && read_schedulers(f, kv, e))
        return true;
    fleet_release(f);
    return false;
}

void fleet_release(struct fleet *f)
{
    json_decref(f->workers);
    json_decref(f->schedulers);
    *f = (struct fleet){0};
}

bool fleet_lives(const json_t *daemons, const char *id)
{
    return js_bool(json_object_get(daemons, id), "alive", false);
}

size_t fleet_alive(const json_t *daemons)
{
    size_t n = 0;
    const char *id;
    json_t *d;
    json_object_foreach ((json_t *)daemons, id, d) {
        n += js_bool(d, "alive", false);
    }
    return n;
}

int fleet_offers(const struct fleet *f, const char *function)
{
    int n = 0;
    const char *id;
    json_t *worker;
    json_object_foreach (f->workers, id, worker) {
        size_t i;
        json_t *name;
        if (!js_bool(worker, "alive", false))
            continue;
        json_array_foreach (json_object_get(worker, "functions"), i, name) {
            n += strcmp(json_string_value(name), function) == 0;
        }
    }
    return n;
}
