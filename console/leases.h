/* leases.h: which runs workers hold at this moment, and since when: the pending entries of the ready streams, which are never more
 * than workers have threads. */
#pragma once

#include "desk.h"

struct lease {
    char *prefix, *function, *entry, *worker, *run; /* run "" unless leases_name_runs; all owned */
    int64_t since_ms;
    long long deliveries;
};

struct leases {
    struct lease *list;
    size_t count;
    json_t *keys; /* "<prefix> <function> <entry>" → true */
};

struct leases *leases_read(struct desk *d, struct err *e);
/* Looks up whose entries they are. */
bool leases_name_runs(struct desk *d, struct leases *l, struct err *e);
bool leases_has(const struct leases *l, const char *prefix, const char *function,
                const char *entry);
void leases_free(struct leases *l); /* accepts NULL */
