/* feed.h: what changes, for everybody who watches (server-sent events). One thread looks at the stores, about once a second and
 * only while somebody watches, and puts messages into a ring; each stream has a place in the ring and nothing else, so a
 * thousand of them cost little, and one that reads too slowly falls behind, is told so ("reset"), and loses what it missed.
 *
 * What is compared are states, not a log: whatever happens between two looks is seen by its outcome. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf.h"
#include "err.h"
#include "id.h"

enum { FEED_RUN = 1, FEED_EVENT = 2, FEED_WORKERS = 4, FEED_OVERVIEW = 8, FEED_ALL = 15 };

struct feed;
struct MHD_Connection;

struct feed *feed_start(const struct conf *c, struct err *e);
/* No stream is sent anything any more; each ends with what it has. Before the server stops. */
void feed_end(struct feed *f);
/* When no stream is left. Accepts NULL. */
void feed_free(struct feed *f);

/* A stream of one connection; NULL when there are as many as there may be (CHRONOS_CONSOLE_STREAMS). `topics` are bits; `run` "": of
 * any. `last`: the Last-Event-ID, NULL = none. */
struct feed_stream *feed_open(struct feed *f, struct MHD_Connection *connection, unsigned topics,
                              const char *run, const char *last);
void feed_close(struct feed_stream *s);

/* Fills the buffer with what comes next; 0: there is nothing yet, and the connection is set aside until there is; -1: the end. Called by
 * the thread that reads and writes. */
ssize_t feed_read(struct feed_stream *s, char *buf, size_t size);
