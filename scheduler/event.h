/* event.h: one entry of an event stream, read as an event. Nothing in it is trusted. */
#pragma once

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "id.h"

struct event {
    const redisReply *entry; /* [id, fields]; borrowed */
    const char *stream;      /* constant */
    const char *entry_id;    /* borrowed */
    bool internal;           /* sent by a step, not through the public door */
    const char *name;
    const char *data_text; /* as it came; "{}" when absent */
    size_t data_len;
    const char *key;     /* idempotency key, NULL = none */
    const char *user;    /* JSON text, NULL = none */
    const char *version; /* NULL = none */
    int64_t ts_ms;       /* when it happened or is to start; the entry's time when not given */
    int64_t received_ms; /* of the entry */
    char id[ID_SIZE];
    json_t *data;    /* parsed, known keys in camelCase too; owned */
    bool normalised; /* data differs from data_text */
};

/* Reads and checks an entry. On failure (ERR_INPUT: a sentence that names the field and the mend) ev->entry, entry_id and
 * name (may be NULL) are still set for the rejection. */
bool event_read(struct event *ev, const redisReply *entry, const char *stream, bool internal,
                const char *epoch, long max_bytes, struct err *e);
void event_release(struct event *ev);

/* Adds the camelCase spelling of known keys, and writes the UUIDs in known keys in lower case; true when something changed. */
bool event_normalise(json_t *data);

/* The value that keyed limits count by, "" when there is none; `path` may be NULL. A handler of failures finds it in the
 * event that failed. Borrowed. */
const char *event_key(const struct event *ev, const char *path);

/* The event as JSON, the way steps see it; the caller frees. */
char *event_input(const struct event *ev, size_t *ret_len);
