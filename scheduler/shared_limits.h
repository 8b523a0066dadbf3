/* shared_limits.h: the limits that all partitions share, with their maxima: those that functions declare, those of their values
 * by key that somebody has needed, and what operators have set. Belongs to one thread. */
#pragma once

#include <stddef.h>

#include "err.h"
#include "kv.h"
#include "share_round.h"

/* What functions declare. */
struct declared {
    char *name; /* without the part of the key */
    long max;
    bool keyed;
};

struct shared_limits {
    struct share_limit *items;
    size_t len, cap;
    struct declared *declared;
    size_t declared_len;
    char *manifests; /* what `declared` was made from */
};

void shared_limits_release(struct shared_limits *s);

/* Reads again what there is: chronos:functions, chronos:maxima (see controls.h) and chronos:shared. */
bool shared_limits_refresh(struct shared_limits *s, struct kv *kv, struct err *e);

/* The limit; it is added unless it is among them. Valid until the next one is added. */
struct share_limit *shared_limits_add(struct shared_limits *s, const char *name);
/* Before anything of it is granted, and when nothing is any more: others find it in chronos:shared. */
bool shared_limits_note(struct shared_limits *s, struct kv *kv, size_t i, struct err *e);
/* Takes it out; the last one takes its place. */
bool shared_limits_drop(struct shared_limits *s, struct kv *kv, size_t i, struct err *e);
