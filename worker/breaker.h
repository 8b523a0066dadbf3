/* breaker.h: outside services that are down, out of quota or asked us to slow down are left alone, by all workers, and the
 * steps that need them wait without using an attempt.
 *
 * What is known of a service is in Redis (lua/enter_service.lua, leave_service.lua), per service and account, so that the
 * failures of all workers count together and one request at a time over all of them asks whether it is back. A worker's
 * threads share one `struct breakers`; each has a `struct breaker`, which watches what its struct http sends:
 *
 *   breaker_begin    a step begins
 *     (enter)        before each request to a named service; a paused one is not asked, the request fails
 *     (leave)        an answer is told at once; anything else waits for its class, which only the client can tell
 *   breaker_end      the step has ended; its error, if any, is the class of the last request
 *
 * Threads that help with a step (http_split) have one each; the outcome of the one that the step fails with is the step's.
 *
 * What a service says of its allowance is kept in the process: requests beyond it wait for its renewal.
 * When Redis cannot be asked, everything goes on as if there were no breaker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "http.h"

enum { SERVICE_SIZE = 32, REASON_SIZE = 256 };

struct breakers;
struct breaker;

/* Why a step's failure is the service's and not its own. */
struct hold {
    char service[SERVICE_SIZE]; /* "" = it is its own */
    char reason[REASON_SIZE];
    int64_t delay_ms;
    int64_t since_ms; /* the service has failed since, by Redis' clock; 0 = not known */
    int64_t now_ms;   /* by Redis' clock */
    int64_t oks;      /* answers that it has given, to tell whether it serves others */
    bool is_paused;   /* for everybody, and not only one failure so far */
};

/* Connects to nothing yet. NULL: the URL is wrong. With may_hold false services are never paused, only their allowance is
 * kept: every failure is its step's own. */
struct breakers *breakers_new(const char *redis_url, const char *worker_id, bool may_hold,
                              struct err *e);
void breakers_free(struct breakers *all); /* accepts NULL */

/* For one thread; `number` tells it from the others. Becomes the guard of h, which must outlive it. */
struct breaker *breaker_new(struct breakers *all, struct http *h, int number);
void breaker_free(struct breaker *b); /* accepts NULL */

/* What this thread changed for everybody and nobody was told yet. */
struct service_change {
    char service[SERVICE_SIZE];
    char account[16];
    char reason[REASON_SIZE];
    const char *kind; /* constant: down, stopped, rate; NULL = it is back */
    int64_t since_ms, until_ms;
};
/* false: nothing. Keeps only the last one. */
bool breaker_take_change(struct breaker *b, struct service_change *ret);

void breaker_begin(struct breaker *b);
/* e is NULL when the step went well. */
void breaker_end(struct breaker *b, const struct err *e, struct hold *ret);
