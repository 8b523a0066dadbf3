/* event.h: one entry of an event stream, read as an event. Nothing that came through the public door is trusted.
 *
 * Entries of a partition's own stream, {cN}:events, are written by the engine. They may have further fields that say what is
 * to be done with them; the same fields of a public entry are not looked at. What a user put into chronos.outbox comes
 * through an engine's stream too (from = outbox), and is held to the rules of the public door. */
#pragma once

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "id.h"
#include "trace.h"

#define EVENT_FAILED    "inngest/function.failed"
#define EVENT_CANCELLED "inngest/function.cancelled"

/* What the engine added to an entry of its own; NULL = not there. */
struct event_orders {
    const char *fn;     /* starts this function and no other, whatever that one listens to */
    const char *parent; /* "<partition>\n<run>\n<step>": who waits for the outcome (waiter.h) */
    const char
        *to; /* the same, of a run that has ended: nothing is started, the waiting step is told */
    const char *ok, *error; /* with `to`: the output or the error, as JSON */
    const char *retry_of;   /* a run whose recorded results the new one goes on from */
    const char *replay_of;  /* a run of which this is another one; for the record */
    const char *skip;       /* a reason: the run is recorded as skipped and not started */
    const char *again;      /* it may have come before: what it began then is looked for */
};

struct event {
    const redisReply *entry; /* [id, fields]; borrowed */
    const char *stream;      /* constant */
    const char *entry_id;    /* borrowed */
    bool internal;           /* the engine's own or sent by a step; not the user's words */
    bool named; /* its id was given with it, or is that of a run's end: another entry may
                              * bring the same event */
    struct event_orders orders;
    const char *name;
    const char *data_text; /* as it came; "{}" when absent */
    size_t data_len;
    const char *key;                    /* idempotency key, NULL = none */
    const char *user;                   /* JSON text, NULL = none */
    const char *version;                /* NULL = none */
    char traceparent[TRACEPARENT_SIZE]; /* the trace that it is a part of; "" = one of its own */
    int64_t ts_ms;       /* when it happened or is to start; the entry's time when not given */
    int64_t received_ms; /* when it was accepted; part of its id and of its runs' ids */
    int64_t came_ms;     /* of the entry: later than received_ms when the id was given with it */
    char id[ID_SIZE];
    json_t *data;    /* parsed, known keys in camelCase too; owned */
    bool normalised; /* data differs from data_text */
    json_t *json;    /* made by event_json; owned */
};

/* Reads and checks an entry. On failure (ERR_INPUT: a sentence that names the field and the mend) ev->entry, entry_id and
 * name (may be NULL) are still set for the rejection. */
bool event_read(struct event *ev, const redisReply *entry, const char *stream, bool internal,
                const char *epoch, long max_bytes, struct err *e);
void event_release(struct event *ev);

/* Is it the outcome of a run for another that waits (orders.to)? It has no name and no data then. */
static inline bool event_is_outcome(const struct event *ev)
{
    return ev->orders.to != NULL;
}

/* Adds the camelCase spelling of known keys, and writes the UUIDs in known keys in lower case; true when something changed. */
bool event_normalise(json_t *data);

/* The id of the trace that the event, and what it starts, is in; returns out. */
const char *event_trace_id(const struct event *ev, char out[TRACE_ID_SIZE]);

/* The event as steps and expressions see it: {"id", "name", "ts", "v", "user", "data"}. Borrowed; made when first asked for. */
const json_t *event_json(struct event *ev);

/* The id of the event that tells of a run's end (EVENT_FAILED, EVENT_CANCELLED); false: that is no run. */
bool event_id_of_end(const char *name, const char *run, char out[ID_SIZE]);

/* In an event that tells of another run's end (EVENT_FAILED, EVENT_CANCELLED): the event that began that run, as its
 * steps saw it; the first if there were several. NULL in any other. Borrowed. */
const json_t *event_within(const struct event *ev);

/* The same as text; the caller frees. */
char *event_input(const struct event *ev, size_t *ret_len);
