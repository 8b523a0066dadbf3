/* kv.h: Redis. One `struct kv` is one connection; it belongs to one thread.
 *
 * A lost connection is opened again by the next call, not more often than a jittered back-off allows: until then calls
 * fail at once with ERR_UNAVAILABLE. After any transport error the connection is dropped, since what was sent may or may
 * not have been applied; every script can therefore be called again with the same arguments.
 *
 * Refusals are named states: LOADING, READONLY, MASTERDOWN, BUSY, TRYAGAIN, CLUSTERDOWN, NOREPLICAS, UNBLOCKED, OOM and
 * MISCONF (disk) are ERR_UNAVAILABLE, since waiting helps; anything else is ERR_REDIS. NOSCRIPT is mended inside. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct kv;

struct kv *kv_new(const char *url,
                  struct err *e); /* parses the URL (ERR_INPUT); connects on first use */
void kv_free(struct kv *kv);      /* accepts NULL */
bool kv_ping(struct kv *kv, struct err *e);

/* When the present connection was made, on the monotonic clock; 0 when there is none. */
int64_t kv_connected_since_ms(const struct kv *kv);

/* Arguments of a command. Bytes are borrowed until the call returns; numbers are copied. */
struct kv_args {
    const char **v;
    size_t *len;
    int n, cap;
    struct kv_number *numbers; /* blocks of printed integers */
};
void kv_args_init(struct kv_args *a);
void kv_args_release(struct kv_args *a);
void kv_args_clear(struct kv_args *a);
void kv_add(struct kv_args *a, const char *p, size_t len);
void kv_adds(struct kv_args *a, const char *s);
void kv_addi(struct kv_args *a, int64_t number);

/* One command, one reply, which the caller frees (auto_reply); NULL on failure. block_ms: how long the server itself may
 * hold the answer back (BLOCK); the reply is waited for that long and two seconds more. */
redisReply *kv_call(struct kv *kv, const struct kv_args *a, int64_t block_ms, struct err *e);
/* The same with a format as hiredis takes it (%s, %b). */
redisReply *kv_cmd(struct kv *kv, struct err *e, const char *fmt, ...);

/* Pipelining: push any number, then pull exactly as many. A failed push loses all replies of the
 * pipeline, and so does a pull that fails for the connection; a reply that is an error fails only its
 * own pull. If pulls are left undone, the next command of its own opens a new connection rather than
 * take their replies for its answer. */
bool kv_push(struct kv *kv, const struct kv_args *a, struct err *e);
bool kv_pushf(struct kv *kv, struct err *e, const char *fmt, ...);
redisReply *kv_pull(struct kv *kv, struct err *e);

/* Calls a script of lua/ by name on a partition; `args` are its ARGV. Loads it when the server does not have it. */
redisReply *kv_script(struct kv *kv, const char *script, const char *prefix,
                      const struct kv_args *args, struct err *e);

/* Field of a flat [name, value, …] reply; NULL when absent. Borrowed. */
const redisReply *kv_field(const redisReply *flat, const char *name);
/* An element of an array reply as a number. */
long long kv_int_at(const redisReply *r, size_t i, long long otherwise);

void kv_cleanup_reply(redisReply **r);
#define auto_reply CLEANUP(kv_cleanup_reply) redisReply
