/* record.h: what became of a batch of events, as rows for Postgres, and which entries leave their streams with them. */
#pragma once

#include <hiredis/hiredis.h>

#include "buf.h"
#include "event.h"

/* One batch of the router. */
struct record {
    struct record *next;
    redisReply *source;  /* what the entries point into; owned */
    size_t bytes;        /* of source */
    struct buf accepted; /* COPY lines for chronos.events */
    struct buf runs;     /* COPY lines for chronos.runs: of those that were skipped */
    struct buf refused;  /* COPY lines for chronos.rejected_events */
    const redisReply **refused_entries; /* into source */
    char (*reasons)[512];
    size_t refused_count, refused_kept; /* kept: in chronos:events:rejected already */
    const char **entry_ids;             /* into source, grouped as streams say */
    const char **streams;               /* per entry: constant strings */
    size_t entry_count;
};

/* Bytes of text in a reply. */
size_t record_reply_bytes(const redisReply *r);

struct record *record_new(redisReply *source, size_t entries);
void record_free(struct record *r);
/* Notes an accepted event with its outcome ("accepted", "duplicate", "unmatched"). */
void record_accept(struct record *r, const struct event *ev, const char *creator,
                   const char *outcome, const char *const *function_ids, const char *const *run_ids,
                   size_t runs);
/* Notes a run that is over before it began; the event itself is noted as well, by record_accept. */
void record_skip(struct record *r, const struct event *ev, const char *function, const char *run,
                 const char *owner, const char *reason);
/* An entry that leaves its stream without a row. */
void record_leave(struct record *r, const struct event *ev);
void record_refuse(struct record *r, const struct event *ev, const char *reason);
