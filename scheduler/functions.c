#include "functions.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "log.h"
#include "scan.h"

enum { MAX_TRIES = 5, KEYS_AT_ONCE = 1000 };

void functions_release(struct functions *f)
{
    for (size_t i = 0; i < f->len; i++)
        manifest_free(f->items[i]);
    free(f->items);
    *f = (struct functions){0};
}

static bool has(const struct functions *f, const struct manifest *m)
{
    for (size_t i = 0; i < f->len; i++) {
        if (f->items[i] == m)
            return true;
    }
    return false;
}

/* Frees the list, and those manifests in it that the other one does not have. */
static void release_others(struct functions *f, const struct functions *kept)
{
    for (size_t i = 0; i < f->len; i++) {
        if (!has(kept, f->items[i]))
            manifest_free(f->items[i]);
    }
    free(f->items);
    *f = (struct functions){0};
}

const struct manifest *functions_find(const struct functions *f, const char *id)
{
    for (size_t i = 0; i < f->len; i++) {
        if (strcmp(f->items[i]->id, id) == 0)
            return f->items[i];
    }
    return NULL;
}

static bool begins_with(const redisReply *key, const char *head)
{
    return strncmp(key->str, head, strlen(head)) == 0;
}

/* Sets the function's limits in a partition, and gives the limits whose waiting queues are in `keys` ("<p>:blocked:<limit>")
 * another turn; keys of other partitions are none of its business. */
static bool set_limits(const struct manifest *m, struct kv *kv, const char *prefix,
                       const redisReply *keys, struct err *e)
{
    char head[KEY_SIZE];
    size_t skip = strlen(key2(head, prefix, "blocked:"));
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, m->id);
    kv_adds(&a, m->limits);
    for (size_t i = 0; keys != NULL && i < keys->elements; i++) {
        if (begins_with(keys->element[i], head))
            kv_add(&a, keys->element[i]->str + skip, keys->element[i]->len - skip);
    }
    auto_reply *r = NULL;
    /* there are as many calls as functions, and all of them have to pass in one go */
    for (int tries = 0; r == NULL && tries < MAX_TRIES; tries++) {
        r = kv_script(kv, "install_limits", prefix, &a, e);
        if (r == NULL && e->code != ERR_UNAVAILABLE)
            break;
    }
    kv_args_release(&a);
    return r != NULL;
}

static bool install_limits(const struct manifest *m, const struct conf *c, struct kv *kv,
                           struct err *e)
{
    for (int p = 0; p < c->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        if (!set_limits(m, kv, prefix, NULL, e))
            return false;
    }
    return true;
}

static bool give_turns_of(const struct manifest *m, struct kv *kv, int partition,
                          const redisReply *keys, struct err *e)
{
    char prefix[PREFIX_SIZE], head[KEY_SIZE];
    key_prefix(partition, prefix);
    key2(head, prefix, "blocked:");
    for (size_t i = 0; i < keys->elements; i++) {
        if (begins_with(keys->element[i], head))
            return set_limits(m, kv, prefix, keys, e);
    }
    return true;
}

bool functions_give_turns(struct functions *f, const struct conf *c, struct kv *kv, struct err *e)
{
    if (!f->turns_owed || f->len == 0)
        return true;
    struct scan scan;
    for (scan_init(&scan); !scan.done;) {
        auto_reply *keys = scan_next(&scan, kv, "{c*}:blocked:*", KEYS_AT_ONCE, e);
        if (keys == NULL)
            return false;
        for (int p = 0; p < c->partitions; p++) {
            if (!give_turns_of(f->items[0], kv, p, keys, e))
                return false;
        }
    }
    f->turns_owed = false;
    return true;
}

static void store(const struct manifest *m, struct db *db)
{
    struct err e;
    char version[16];
    (void)snprintf(version, sizeof(version), "%d", m->version);
    if (db != NULL && !DB_EXEC(db, &e, "save_function", m->id, m->json, version))
        log_warn("a function's manifest could not be stored", "fn", m->id, "error", e.msg, LOG_END);
}

/* The manifest of a published text, which is parsed only when it is not the one that is there already. NULL: it cannot be
 * read. */
static struct manifest *read_manifest(const struct functions *f, const redisReply *id,
                                      const redisReply *text, const struct conf *c)
{
    for (size_t i = 0; i < f->len; i++) {
        if (strcmp(f->items[i]->json, text->str) == 0)
            return f->items[i];
    }
    struct err bad;
    struct manifest *m = manifest_parse(text->str, text->len, (int)c->partitions, &bad);
    if (m == NULL)
        log_error("a published function cannot be read and is left out", "fn", id->str, "error",
                  bad.msg, LOG_END);
    return m;
}

bool functions_refresh(struct functions *f, const struct conf *c, struct kv *kv, struct db *db,
                       struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "HGETALL %s", KEY_FUNCTIONS);
    if (r == NULL)
        return false;
    struct functions fresh = {.items = calloc(r->elements / 2 + 1, sizeof(*fresh.items))};
    if (fresh.items == NULL)
        abort();
    fresh.turns_owed = f->turns_owed;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        struct manifest *m = read_manifest(f, r->element[i], r->element[i + 1], c);
        if (m == NULL || has(&fresh, m))
            continue;
        fresh.items[fresh.len++] = m;
        const struct manifest *old = functions_find(f, m->id);
        if (old != NULL && strcmp(old->json, m->json) == 0)
            continue;
        if (!install_limits(m, c, kv, e)) {
            release_others(&fresh, f);
            return false;
        }
        fresh.turns_owed = true;
        store(m, db);
    }
    release_others(f, &fresh);
    *f = fresh;
    return true;
}

/* Handlers name the function bare; the failure event carries it with the application's prefix, or without. */
static bool same_function(const char *id, const char *failed)
{
    static const char app[] = "chronos-";
    if (failed == NULL)
        return false;
    if (strncmp(failed, app, sizeof(app) - 1) == 0 && strcmp(failed + sizeof(app) - 1, id) == 0)
        return true;
    return strcmp(failed, id) == 0;
}

bool functions_match(const struct manifest *m, const char *event_name, const char *failed_function)
{
    for (int i = 0; m->triggers[i] != NULL; i++) {
        if (strcmp(m->triggers[i], event_name) == 0)
            return m->on_failure_of == NULL || same_function(m->on_failure_of, failed_function);
    }
    return false;
}
