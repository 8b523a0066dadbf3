/* err.h: how a failure travels.
 *
 * A function that can fail returns bool (or a pointer that may be NULL) and takes `struct err *e`
 * last. The struct lives on the caller's stack, has a fixed size and owns nothing, so the error path
 * itself can neither fail nor leak. It is touched only on failure.
 *
 * What matters to this program is the class of a failure, not its origin: may it be tried again, not
 * before when, never, by anybody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

/* How a call of an outside service failed. Every client ends a call in `ok` or in exactly one of these, by the service's
 * own words and not by the HTTP status alone; the engine acts on the class and on nothing else:
 *
 *   retry          the same call may succeed later, and nobody named a delay: the step's next attempt, backing off
 *   rate_limited   as retry, and the service told us to slow down, us as a whole and not this run: the next attempt after
 *                  retry_after_ms; nobody uses the service with this account before that
 *   not_ready      the thing exists and is still being made, the service is well: asked again after retry_after_ms
 *   next_source    this way never gives it, another one might: the caller goes on to that in the same attempt. Where there
 *                  is no other one left it is permanent
 *   split          too big, the same in smaller pieces passes: the client's own business; permanent where it leaves it,
 *                  since the smallest piece was too big
 *   permanent      no point in repeating it for this input: the run fails with this message
 *   stop_provider  no point in repeating it for anybody until a person acts (a key, money, a country): says nothing
 *                  about the input
 *
 * code, name as written to logs and history, may the same step be tried again by the run's policy */
#define ERR_CODES(X)                                                                               \
    X(ERR_NONE, "none", false)                                                                     \
    /* of a service, see above */                                                                  \
    X(ERR_RETRY, "retry", true)                                                                    \
    X(ERR_RATE_LIMITED, "rate_limited", true)                                                      \
    X(ERR_NOT_READY, "not_ready", true)                                                            \
    X(ERR_NEXT_SOURCE, "next_source", false)                                                       \
    X(ERR_SPLIT, "split", false)                                                                   \
    X(ERR_PERMANENT, "permanent", false)                                                           \
    X(ERR_STOP_PROVIDER, "stop_provider", false)                                                   \
    /* of ourselves */                                                                             \
    X(ERR_INPUT, "input", false)            /* what the user sent is wrong */                      \
    X(ERR_REDIS, "redis", true)             /* Redis did not answer or refused */                  \
    X(ERR_POSTGRES, "postgres", true)       /* Postgres did not answer or refused */               \
    X(ERR_UNAVAILABLE, "unavailable", true) /* our own store is away: costs no attempt */          \
    X(ERR_STALE, "stale", false)            /* somebody else owns it now */                        \
    X(ERR_STOPPING, "stopping", true)       /* we are shutting down: costs no attempt */           \
    X(ERR_BUG, "bug", false)                /* our own mistake */

enum err_code {
#define X(code, name, retryable) code,
    ERR_CODES(X)
#undef X
        ERR_COUNT
};

struct err {
    enum err_code code;
    int64_t retry_after_ms; /* least delay before the next try; 0 when nobody named one */
    /* The service failed by itself or could not be reached: the same would have happened to any other call of it. */
    bool is_outage;
    bool is_missing; /* Redis has no such stream or group */
    char msg[512];   /* a sentence that can be shown to the user; never a secret */
};

const char *err_name(enum err_code code);
bool err_is_retryable(enum err_code code);
/* One of the seven classes above, which only the client of a service gives. */
bool err_is_of_provider(enum err_code code);
/* The code of that name, which may be NULL. */
enum err_code err_find(const char *name, enum err_code otherwise);

/* Sets code and message, clears the rest, returns false. */
bool err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, for functions that return a pointer. */
void *err_null(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "place: " in front of the message on the way up; keeps code and delay. Returns false. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
