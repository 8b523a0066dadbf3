/* desk.h: what an operation of the API needs, whoever asks for it: the console's routes, or a program in a shell. An operation is
 * a function that returns the JSON of openapi.json (a new reference), or NULL with an error.
 *
 * Of a failure `e` has the class: ERR_INPUT is the caller's fault, and then `field` names what was wrong with what was sent, and
 * `missing` is set when there is no such thing. What changes something writes who did it to chronos.audit, in the same transaction. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"

struct desk {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const char *who, *from; /* "admin:alice" and an address, for the audit */
    const char *request;    /* id of the request; NULL = none */
    /* told of an operation on many, while it goes on: how many are done; NULL = nobody listens */
    void (*progress)(const void *listener, long long n);
    const void *listener;
    const char *field; /* after a failure; constant; NULL = none in particular */
    bool missing;      /* after a failure */
};

/* For operations: each fails with ERR_INPUT, and returns NULL. */
void *desk_refuse(struct desk *d, const char *field, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void *desk_missing(struct desk *d, const char *field, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
