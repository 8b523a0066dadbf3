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

/* code, name as written to logs and history, may the same step be tried again by the run's policy */
#define ERR_CODES(X)                                                                               \
    X(ERR_NONE, "none", false)                                                                     \
    X(ERR_RETRY, "retry", true)               /* may succeed later; nobody named a delay */        \
    X(ERR_RATE_LIMITED, "rate_limited", true) /* as RETRY; the service asked us to slow down */    \
    X(ERR_NOT_READY, "not_ready", true)       /* the thing exists and is still being made */       \
    X(ERR_NEXT_SOURCE, "next_source", false)  /* this route never gives it, another one might */   \
    X(ERR_SPLIT, "split", false)              /* too big; smaller pieces will work */              \
    X(ERR_PERMANENT, "permanent", false)      /* no point in repeating for this input */           \
    X(ERR_STOP_PROVIDER, "stop_provider", false) /* no point for anybody until a person acts */    \
    X(ERR_INPUT, "input", false)                 /* what the user sent is wrong */                 \
    X(ERR_REDIS, "redis", true)                  /* Redis did not answer or refused */             \
    X(ERR_POSTGRES, "postgres", true)            /* Postgres did not answer or refused */          \
    X(ERR_UNAVAILABLE, "unavailable", true)      /* our own store is away: costs no attempt */     \
    X(ERR_STALE, "stale", false)                 /* somebody else owns it now */                   \
    X(ERR_STOPPING, "stopping", true)            /* we are shutting down: costs no attempt */      \
    X(ERR_BUG, "bug", false)                     /* our own mistake */

enum err_code {
#define X(code, name, retryable) code,
    ERR_CODES(X)
#undef X
        ERR_COUNT
};

struct err {
    enum err_code code;
    int64_t retry_after_ms; /* least delay before the next try; 0 when nobody named one */
    char msg[512];          /* a sentence that can be shown to the user; never a secret */
};

const char *err_name(enum err_code code);
bool err_is_retryable(enum err_code code);
/* The code of that name, which may be NULL. */
enum err_code err_find(const char *name, enum err_code otherwise);

/* Sets code and message, clears retry_after_ms, returns false. */
bool err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, for functions that return a pointer. */
void *err_null(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "place: " in front of the message on the way up; keeps code and delay. Returns false. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
