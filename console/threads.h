/* threads.h: the threads that answer requests, each with its own connections to Redis and Postgres. The thread that reads
 * and writes sockets never waits for a store, so a slow client costs nobody anything, and a slow query one of these.
 *
 * Requests that may be answered together (route.h) are: what comes while a bundle of them is on its way to a store is the next bundle.
 * One thread does that, so the others are left for what else is asked. */
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "request.h"

struct threads;

/* `done` is called in a thread of them when the request has its answer. */
struct threads *threads_start(const struct conf *c, void (*done)(struct request *r), struct err *e);

/* false: too many wait already. */
bool threads_submit(struct threads *t, struct request *r);

/* Answers what was submitted, then ends. Accepts NULL. */
void threads_stop(struct threads *t);
