/* lease.h: how entries of ready streams become runs in the pool. The pending entry is the lease: what is claimed here
 * is ours until its end is committed, or until we are taken for dead. For the claimer's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ask_order.h"
#include "err.h"
#include "inhand.h"
#include "kv.h"
#include "pool.h"

struct leases {
    const char *worker_id;
    struct kv *kv;
    struct pool *pool;
    struct inhand *inhand;
    bool careful; /* a server may have forgotten what it had delivered: it may come twice */
};

/* Claims up to `most` runs of a partition, whose functions are asked in that order. Returns how many; -1 on failure, when
 * some may have been claimed. */
int lease_claim(struct leases *l, int partition, struct ask_order *order, int most, struct err *e);

/* Sleeps in Redis until something is ready in the partition; the entries it brings are claimed already. They may be more
 * than threads are free, one for each function: the pool gives back those it has no thread for. Unlike a claim it does not ask
 * whether a function is paused, so it may bring what was admitted before the pause and has not been put back yet. */
bool lease_wait(struct leases *l, int partition, int64_t block_ms, struct err *e);

/* After a failure: entries that were delivered while their reply was lost are ours and nobody runs them; so are those
 * whose end was lost with a server. false: Redis is still away. */
bool lease_recover(struct leases *l, int partition, struct err *e);
