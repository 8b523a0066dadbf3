/* tally.h: where live runs are that no worker holds, counted by function and state while an audit comes past them, so that no
 * pass is made for the metrics. Belongs to the auditor's thread. */
#pragma once

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kv.h"

struct tally {
    json_t *counts; /* "<function>\n<state>" -> [runs, accepted at (ms) of the oldest] */
    int64_t now_ms; /* Redis' clock when it was asked last */
    int64_t published_ms, dropped_ms; /* monotonic */
};

void tally_init(struct tally *t);
void tally_release(struct tally *t);

/* A pass begins. */
void tally_clear(struct tally *t);
/* Runs of one partition, as arguments (their ids). */
bool tally_runs(struct tally *t, struct kv *kv, const char *prefix, const struct kv_args *ids,
                struct err *e);
/* The pass is over: shows what was counted, 0 for functions of which there is nothing. */
bool tally_publish(struct tally *t, struct kv *kv, struct err *e);
/* Somebody else's turn: what was shown is taken back when it is older than `old_ms`. */
void tally_expire(struct tally *t, int64_t old_ms);
