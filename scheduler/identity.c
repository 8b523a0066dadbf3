#include "identity.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "id.h"
#include "key.h"
#include "log.h"

struct identity {
    pthread_t thread;
    pthread_mutex_t lock; /* guards name */
    char name[IDENTITY_SIZE];
    const struct conf *conf;
    struct kv *kv; /* the heartbeat's */
    atomic_bool stopping;
};

void identity_name(struct identity *id, char out[IDENTITY_SIZE])
{
    (void)pthread_mutex_lock(&id->lock);
    memcpy(out, id->name, IDENTITY_SIZE);
    (void)pthread_mutex_unlock(&id->lock);
}

/* Also while Redis is full, the first time too. */
static bool beat(struct identity *id, struct kv *kv, struct err *e)
{
    char name[IDENTITY_SIZE], key[KEY_SIZE];
    identity_name(id, name);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "1");
    kv_addi(&a, id->conf->lease_ms);
    auto_reply *r = kv_script(kv, "keep_alive", key_scheduler(key, name), &a, e);
    kv_args_release(&a);
    return r != NULL;
}

/* The heartbeat comes first: a registered name without one would be fenced at once. */
static bool introduce(struct identity *id, struct kv *kv, struct err *e)
{
    char name[IDENTITY_SIZE];
    identity_name(id, name);
    if (!beat(id, kv, e))
        return false;
    for (int p = 0; p < id->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, name);
        kv_addi(&a, wall_ms());
        auto_reply *r = kv_script(kv, "register_scheduler", prefix, &a, e);
        kv_args_release(&a);
        if (r == NULL)
            return false;
    }
    return true;
}

bool identity_fence(const struct conf *c, const char *name, struct kv *kv, struct err *e)
{
    for (int p = 0; p < c->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        auto_reply *r = kv_cmd(kv, e, "HDEL %s:schedulers %s", prefix, name);
        if (r == NULL)
            return false;
    }
    return true;
}

bool identity_renew(struct identity *id, const char *seen, struct kv *kv, struct err *e)
{
    (void)pthread_mutex_lock(&id->lock);
    if (strcmp(id->name, seen) == 0)
        id_process(id->name, sizeof(id->name));
    (void)pthread_mutex_unlock(&id->lock);
    return introduce(id, kv, e);
}

static void *beat_loop(void *arg)
{
    struct identity *id = arg;
    while (!atomic_load(&id->stopping)) {
        struct err e;
        bool ok = beat(id, id->kv, &e);
        if (!ok)
            log_warn("heartbeat failed", "error", e.msg, LOG_END);
        int64_t next = mono_ms() + (ok ? id->conf->lease_ms / 4 : 100);
        while (mono_ms() < next && !atomic_load(&id->stopping))
            sleep_ms(20);
    }
    return NULL;
}

struct identity *identity_start(const struct conf *c, struct err *e)
{
    struct identity *id = calloc(1, sizeof(*id));
    if (id == NULL)
        abort();
    (void)pthread_mutex_init(&id->lock, NULL);
    id->conf = c;
    id_process(id->name, sizeof(id->name));
    id->kv = kv_new(c->redis_url, e);
    if (id->kv == NULL || !introduce(id, id->kv, e)) {
        kv_free(id->kv);
        free(id);
        return NULL;
    }
    if (pthread_create(&id->thread, NULL, beat_loop, id) != 0)
        abort(); /* at start */
    return id;
}

void identity_stop(struct identity *id)
{
    atomic_store(&id->stopping, true);
    (void)pthread_join(id->thread, NULL);
    char key[KEY_SIZE];
    struct err e;
    redisReply *r;
    for (int p = 0; p < id->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        r = kv_cmd(id->kv, &e, "HDEL %s:schedulers %s", prefix, id->name);
        kv_cleanup_reply(&r); /* on failure the others fence us when the heartbeat runs out */
    }
    r = kv_cmd(id->kv, &e, "DEL %s", key_scheduler(key, id->name));
    kv_cleanup_reply(&r);
    kv_free(id->kv);
    (void)pthread_mutex_destroy(&id->lock);
    free(id);
}
