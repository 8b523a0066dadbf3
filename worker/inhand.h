/* inhand.h: which entries this worker knows it holds. Needed only when a claim's reply was lost: what Redis lists as ours
 * and is not in hand was delivered to nobody and has to be picked up again.
 *
 * An entry is put in by the claimer and taken out when Redis has confirmed the end of its lease. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct inhand;

struct inhand *inhand_new(void);
void inhand_free(struct inhand *h);
/* once: an entry that is there already is not added, and it is false. */
bool inhand_add(struct inhand *h, int partition, const char *fn, const char *entry, bool once);
void inhand_remove(struct inhand *h, int partition, const char *fn, const char *entry);

/* What is in hand at this moment, for inhand_has; freed with inhand_snapshot_free. */
struct inhand_snapshot;
struct inhand_snapshot *inhand_snapshot(struct inhand *h);
bool inhand_has(const struct inhand_snapshot *s, int partition, const char *fn, const char *entry);
void inhand_snapshot_free(struct inhand_snapshot *s);
