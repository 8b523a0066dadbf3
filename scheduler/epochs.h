/* epochs.h: the names of the data sets that Redis holds. What Postgres remembers of a place in a stream, and the ids of
 * events, hold only within one epoch.
 *
 * An epoch is a key that is made once and lost with the data beside it. In a cluster one shard can be lost alone, so there is
 * one beside the public door, one beside the functions, and one in each partition. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "key.h"
#include "kv.h"

enum { EPOCH_SIZE = 32, EPOCH_NAME_SIZE = 48, MAX_EPOCHS = MAX_PARTITIONS + 2 };

struct epoch {
    char key[KEY_SIZE];
    char name[EPOCH_NAME_SIZE]; /* in chronos.meta */
    char value[EPOCH_SIZE];
};

struct epochs {
    int count;
    struct epoch list[MAX_EPOCHS];
};

/* Reads all of them; makes those that are missing. */
bool epochs_read(struct epochs *ep, int partitions, struct kv *kv, struct err *e);

/* Has Redis lost one, or is it another Redis? false also when it cannot be asked. */
bool epochs_differ(const struct epochs *ep, struct kv *kv);

/* Of chronos:events. */
const char *epochs_of_door(const struct epochs *ep);
const char *epochs_of_partition(const struct epochs *ep, int partition);
