/* describe.h: what Redis knows of runs at this moment, some hundred at a time. */
#pragma once

#include "desk.h"
#include "id.h"
#include "state.h"

struct description {
    bool found;
    enum run_state
        state; /* of one that has ended and is not archived yet: RUN_ACCEPTED and `ended` */
    bool ended;
    int partition;
    int64_t accepted_ms, due_ms, started_ms; /* 0 = none */
    int64_t since_ms;                        /* of a lease; 0 = none */
    int attempts, deaths;
    char *function, *creator, *failing, *failure, *cancelling, *worker,
        *entry; /* owned; NULL or "" = none */
};

/* `out` has n places; each is to be released. Partitions are asked until all are found. */
bool describe_runs(struct desk *d, const char *const *ids, size_t n, struct description *out,
                   struct err *e);
/* The same of runs of one partition. with_leases: also who executes them. */
bool describe_partition(struct desk *d, int partition, const char *const *ids, size_t n,
                        bool with_leases, struct description *out, struct err *e);
void description_release(struct description *x);

/* How many partitions there are. */
bool desk_partitions(struct desk *d, int *ret, struct err *e);
