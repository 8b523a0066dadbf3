/* history_entry.h: what entries of a history stream say, as rows for Postgres. Most carry their rows with them, made by who
 * wrote them (history_row.h); the scripts write entries of other kinds, whose rows are made here (lua/include/history.lua). */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "kv.h"

struct history_rows {
    struct buf runs, steps; /* COPY lines */
};
void history_rows_init(struct history_rows *h);
void history_rows_release(struct history_rows *h);
void history_rows_clear(struct history_rows *h);

/* Adds the rows of the entries of one partition. A cancelled run's row is made from its keys, which are asked for in one go.
 * What cannot be read is logged and left out. When they are more than goes to Postgres in one go it fails with ERR_BUG, some of
 * the rows being there: fewer entries have to be taken at once. */
bool history_rows_add(struct history_rows *h, struct kv *kv, const char *prefix,
                      const redisReply *entries, struct err *e);

/* The ids of the runs that the entry ends, separated by spaces; NULL when it ends none. */
const char *history_entry_ended(const redisReply *entry);
