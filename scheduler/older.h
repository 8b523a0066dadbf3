/* older.h: a Redis that came back older than Postgres, as from an old copy of its file, with its epochs intact. Runs that have
 * ended since are live in it, and would run again; others are not at the step that they had reached.
 *
 * Redis has the place up to which its history is archived, written before Postgres commits the same: Postgres is ahead only
 * when Redis has lost something. Then the partition is emptied, its epoch with it, and live runs are rebuilt (rebuild.h). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "err.h"
#include "kv.h"

/* `cursor` is the place up to which Postgres has the history of the partition's present epoch. */
bool older_check(struct kv *kv, const char *prefix, const char *cursor, bool *ret_older,
                 struct err *e);

/* Before Postgres commits that. */
bool older_note(struct kv *kv, const char *prefix, const char *last, struct err *e);

/* Empties the partition. May be called again when it failed in the middle. */
bool older_empty(struct kv *kv, const char *prefix, const atomic_bool *stopping, struct err *e);
