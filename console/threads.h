/* threads.h: the threads that answer requests, each with its own connections to Redis and Postgres. The thread that reads
 * and writes sockets never waits for a store, so a slow client costs nobody anything, and a slow query one of these.
 *
 * Requests that may be answered in one round trip (route.h) are answered in bundles: what comes while a bundle is on its way to a store is the next.
 * One thread does that, so the others are left for what else is asked. */
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "request.h"

struct threads;

/* `done` is called in a thread of them when the request has its answer. */
struct threads *threads_start(const struct conf *c, void (*done)(struct request *r), struct err *e);

/* false: too many wait already, or the threads have ended. */
bool threads_submit(struct threads *t, struct request *r);

/* Answers what was submitted; what is submitted from now on is refused. */
void threads_end(struct threads *t);

/* After threads_end, when nobody submits any more. Accepts NULL. */
void threads_free(struct threads *t);
