#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "metrics.h"

enum { DROP_EVERY_MS = 15000 }; /* the sampler sets its part of the same metric more often */

static const char *const states[] = {"waiting", "delayed", "suspended"};

void tally_init(struct tally *t)
{
    *t = (struct tally){.counts = json_object()};
}

void tally_release(struct tally *t)
{
    json_decref(t->counts);
    t->counts = NULL;
}

void tally_clear(struct tally *t)
{
    (void)json_object_clear(t->counts);
}

static void count(struct tally *t, const char *fn, const char *state, int64_t accepted_ms)
{
    char name[160];
    (void)snprintf(name, sizeof(name), "%s\n%s", fn, state);
    json_t *c = json_object_get(t->counts, name);
    if (c == NULL) {
        c = json_pack("[iI]", 0, (json_int_t)accepted_ms);
        (void)json_object_set_new(t->counts, name, c);
    }
    json_t *runs = json_array_get(c, 0), *oldest = json_array_get(c, 1);
    (void)json_integer_set(runs, json_integer_value(runs) + 1);
    if (accepted_ms < json_integer_value(oldest))
        (void)json_integer_set(oldest, accepted_ms);
}

bool tally_runs(struct tally *t, struct kv *kv, const char *prefix, const struct kv_args *ids,
                struct err *e)
{
    auto_reply *r = kv_script(kv, "tally_runs", prefix, ids, e);
    if (r == NULL)
        return false;
    t->now_ms = strtoll(r->element[0]->str, NULL, 10);
    for (size_t i = 1; i < r->elements; i++) {
        const redisReply *run = r->element[i];
        count(t, run->element[0]->str, run->element[1]->str,
              strtoll(run->element[2]->str, NULL, 10));
    }
    return true;
}

static void drop_stale(struct tally *t)
{
    if (mono_ms() - t->dropped_ms < DROP_EVERY_MS)
        return;
    t->dropped_ms = mono_ms();
    metric_drop_stale(METRIC_BACKLOG);
    metric_drop_stale(METRIC_BACKLOG_AGE);
}

static void show(const struct tally *t, const char *fn, const char *state)
{
    char name[160];
    (void)snprintf(name, sizeof(name), "%s\n%s", fn, state);
    const json_t *c = json_object_get(t->counts, name);
    double age = 0;
    if (c != NULL)
        age = (double)(t->now_ms - json_integer_value(json_array_get(c, 1))) / 1000;
    metric_set(METRIC_BACKLOG, (double)json_integer_value(json_array_get(c, 0)), fn, state);
    metric_set(METRIC_BACKLOG_AGE, age > 0 ? age : 0, fn, state);
}

bool tally_publish(struct tally *t, struct kv *kv, struct err *e)
{
    auto_reply *functions = kv_cmd(kv, e, "HKEYS %s", KEY_FUNCTIONS);
    if (functions == NULL)
        return false;
    for (size_t i = 0; i < functions->elements; i++) {
        for (size_t s = 0; s < ARRAY_LEN(states); s++)
            show(t, functions->element[i]->str, states[s]);
    }
    t->published_ms = mono_ms();
    drop_stale(t);
    return true;
}

void tally_expire(struct tally *t, int64_t old_ms)
{
    if (t->published_ms != 0 && mono_ms() - t->published_ms > old_ms)
        drop_stale(t);
}
