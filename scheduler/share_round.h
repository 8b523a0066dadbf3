/* share_round.h: shares of one limit are moved between partitions.
 *
 * Partitions are on different servers, so no script sees them all. A limit's maximum is therefore shared out: what each
 * partition was granted stands in one hash, chronos:shares:<limit>, whose sum never passes the maximum (assign_shares); what
 * each partition goes by stands in its own, <p>:share:<limit>, and is never more than its grant (set_share). A round
 *
 *   1. reads the grants, with their version, and what every partition needs (read_demand)
 *   2. works out targets (waterfill.h), and goes on only when somebody waits for what others do not use
 *   3. lowers the shares of those that are to have less, by that version; each answers how many hold a slot
 *   4. assigns new grants: to those what they hold at least, to the others what is free; this makes a new version
 *   5. raises the shares of those by the new version
 *
 * Any number of schedulers may be at it at once and stop at any point. Who was slow is refused in 3 (a newer version is
 * there), in 4 (the version is another one), or in 5 (the partition was set by that version or a newer one).
 *
 * Who finds no grants but shares (a server of a cluster has lost its data) leaves all as it is until no raise can be under way
 * any more, and then begins with what the partitions have. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kv.h"

struct share_limit {
    char *name; /* with its key */
    long max;   /* over all partitions; 0 when nobody declares it any more */
    bool keyed; /* one of many of its kind: nothing is spread where nobody needs any */
    bool known; /* stands in the set chronos:shared */
    int64_t idle_since_ms, lost_since_ms; /* monotonic; 0 = it is not */
};

/* What one partition said of it. */
struct share_demand {
    int64_t read_ms; /* by the partition's clock */
    long max;
    long long version;
    long holders, waiting;
};

enum share_state {
    SHARE_IDLE,
    SHARE_BUSY, /* somebody waits, or something was moved */
    SHARE_OVER, /* nobody needs it and nothing of it is left */
};

/* One round, with what all partitions said just now. `turn` as in waterfill.h. */
bool share_round(struct kv *kv, struct share_limit *l, const struct share_demand *demands,
                 int partitions, unsigned turn, enum share_state *ret_state, struct err *e);
