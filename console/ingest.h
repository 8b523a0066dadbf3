/* ingest.h: events from outside, checked as a whole before any of them is accepted. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "id.h"
#include "kv.h"

#define SEED_HEADER "x-inngest-event-id-seed"

enum { MOST_EVENTS = 5000 };

struct incoming {
    const char *name, *id, *v; /* borrowed from the JSON; id and v NULL = none */
    char *data, *user;         /* JSON text; owned; user NULL = none */
    int64_t ts_ms;             /* 0 = none */
    char eid[ID_SIZE];         /* what the sender is told */
};

struct ingest {
    struct incoming *events;
    size_t count;
    int64_t at_ms;    /* when they are accepted */
    const char *seed; /* NULL = none that is one */
    char field[64];   /* after a failure: what was wrong, as "[3].data" */
};

/* Reads an object or an array of them. ERR_INPUT with a sentence; `body` must outlive the result. */
bool ingest_read(struct ingest *in, const json_t *body, long max_event_bytes, struct err *e);
/* What ingest_to_postgres could not keep; ERR_INPUT with a sentence. */
bool ingest_fits_postgres(struct ingest *in, const json_t *body, struct err *e);
void ingest_release(struct ingest *in);

/* Gives each its id: the same for the same events with the same seed, "<ms>,<base64 of 10 bytes>", which the official SDK repeats when it
 * tries again. Without a seed, or with one that is no seed or a day off, they are new. `seed` must outlive the result. */
void ingest_name(struct ingest *in, const char *seed);

/* All events of all of them are in Redis, or none: as durable as its append-only file is. What the console answers in one bundle, of up to
 * MOST_BUNDLED requests (route.h), fails together. */
bool ingest_to_redis(const struct ingest *const all[], size_t count, struct kv *kv, struct err *e);

/* All of them are committed in chronos.outbox; their ids are those that the outbox gives them. ERR_INPUT, with the field: their seed
 * came with other events before. */
bool ingest_to_postgres(struct ingest *in, struct db *db, struct err *e);
