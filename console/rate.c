#include "rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"

struct rate {
    pthread_mutex_t lock; /* guards the times */
    int64_t interval_ns;  /* of a token */
    int64_t depth_ns;     /* of a full bucket */
    int64_t full_ns[];    /* when each will be full again */
};

struct rate *rate_new(size_t buckets, long tokens, long ms)
{
    struct rate *r = calloc(1, sizeof(*r) + buckets * sizeof(r->full_ns[0]));
    if (r == NULL)
        abort();
    (void)pthread_mutex_init(&r->lock, NULL);
    r->interval_ns = (int64_t)ms * 1000000 / tokens;
    r->depth_ns = r->interval_ns * tokens;
    return r;
}

static bool look(struct rate *r, size_t bucket, bool take, int64_t *ret_wait_ms)
{
    int64_t now = mono_us() * 1000;
    (void)pthread_mutex_lock(&r->lock);
    int64_t *full = &r->full_ns[bucket], from = *full > now ? *full : now;
    bool ok = from + r->interval_ns - now <= r->depth_ns;
    *ret_wait_ms = ok ? 0 : (from + r->interval_ns - now - r->depth_ns) / 1000000;
    if (ok && take)
        *full = from + r->interval_ns;
    (void)pthread_mutex_unlock(&r->lock);
    return ok;
}

bool rate_has(struct rate *r, size_t bucket, int64_t *ret_wait_ms)
{
    return look(r, bucket, false, ret_wait_ms);
}

bool rate_take(struct rate *r, size_t bucket, int64_t *ret_wait_ms)
{
    return look(r, bucket, true, ret_wait_ms);
}
