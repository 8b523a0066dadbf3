/* recorder.h: the thread that writes to Postgres what the router accepted or refused, and only then lets it leave the event
 * streams.
 *
 * The runs were started already: starting does not wait for Postgres, leaving the stream does. While Postgres is away
 * records gather up to a bound, then the router waits and events stay in Redis. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"
#include "record.h"

struct recorder;
struct recorder *recorder_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
/* Takes the record. Blocks while too many wait. */
void recorder_submit(struct recorder *rec, struct record *r);
/* How many records were taken so far, and whether the first `count` of them are written. */
uint64_t recorder_taken(struct recorder *rec);
bool recorder_has_written(struct recorder *rec, uint64_t count);
/* Writes what is left, for a few seconds at most. */
void recorder_stop(struct recorder *rec);
