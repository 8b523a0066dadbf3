/* record.h: writes what the router accepted or refused to Postgres, and only then lets it leave the event streams.
 *
 * The runs were started already: starting does not wait for Postgres, leaving the stream does. While Postgres is away
 * records gather up to a bound, then the router waits and events stay in Redis. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdatomic.h>

#include "buf.h"
#include "conf.h"
#include "err.h"
#include "event.h"

/* One batch of the router. */
struct record {
    struct record *next;
    redisReply *source;                 /* what the entries point into; owned */
    struct buf accepted;                /* COPY lines for chronos.events */
    struct buf refused;                 /* COPY lines for chronos.rejected_events */
    const redisReply **refused_entries; /* into source */
    char (*reasons)[512];
    size_t refused_count, refused_kept; /* kept: in chronos:events:rejected already */
    const char **entry_ids;             /* into source, grouped as streams say */
    const char **streams;               /* per entry: constant strings */
    size_t entry_count;
};

struct record *record_new(redisReply *source, size_t entries);
void record_free(struct record *r);
/* Notes an accepted event with its outcome ("accepted", "duplicate", "unmatched"). */
void record_accept(struct record *r, const struct event *ev, const char *creator,
                   const char *outcome, const char *const *function_ids, const char *const *run_ids,
                   size_t runs);
void record_refuse(struct record *r, const struct event *ev, const char *reason);

struct recorder;
struct recorder *recorder_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
/* Takes the record. Blocks while too many wait. */
void recorder_submit(struct recorder *rec, struct record *r);
/* Writes what is left, for a few seconds at most. */
void recorder_stop(struct recorder *rec);
