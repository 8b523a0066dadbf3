/* kv.h: Redis, a single server or a Redis Cluster. One `struct kv` belongs to one thread; it is a connection to a single
 * server, or one to each node of a cluster that has been needed.
 *
 * In a cluster each command goes to the node that serves its key (slot.h knows where a command's key stands; one without
 * a key goes to any node). When slots have moved, MOVED and ASK are followed inside; after a failover the map of slots is
 * read from another node, so that calls succeed again a moment after the promotion.
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
#include "kv_args.h"

struct kv;

struct kv *kv_new(const char *url,
                  struct err *e); /* parses the URL (ERR_INPUT); connects on first use */
void kv_free(struct kv *kv);      /* accepts NULL */

/* Every server that holds data answers. */
bool kv_ping(struct kv *kv, struct err *e);

/* Since when, on the monotonic clock, every server that holds data has been connected and of use without a break, and no
 * slot has gone from one to another; 0 when one is not connected (kv_ping connects all). Who finds a heartbeat missing
 * may take it for a death only when this has been so for longer than a lease: kv_may_judge, asked after the heartbeat. */
int64_t kv_connected_since_ms(const struct kv *kv);
bool kv_may_judge(const struct kv *kv, int64_t lease_ms);

/* Grows when a connection broke in the middle of something, and when slots went to another node: what was believed to be
 * applied may be undone then (a replica that is promoted may lack the last writes). */
unsigned kv_disturbances(const struct kv *kv);

/* One command, one reply, which the caller frees (auto_reply); NULL on failure. block_ms: how long the server itself may
 * hold the answer back (BLOCK); the reply is waited for that long and two seconds more. */
redisReply *kv_call(struct kv *kv, const struct kv_args *a, int64_t block_ms, struct err *e);
/* The same with a format as hiredis takes it (%s, %b). */
redisReply *kv_cmd(struct kv *kv, struct err *e, const char *fmt, ...);

/* Commands that ask a whole server (SCAN, INFO): to each of the servers that hold data, 0 to *ret_count - 1. The numbers
 * hold until slots move; then kv_cmd_at fails and one begins again. */
bool kv_servers(struct kv *kv, int *ret_count, struct err *e);
redisReply *kv_cmd_at(struct kv *kv, int server, struct err *e, const char *fmt, ...);

/* Pipelining: push any number, then pull exactly as many, also after a pull that failed. A failed push loses all replies
 * of the pipeline, and so does a pull that fails for the connection, at least those of the same server; a reply that is
 * an error fails only its own pull. A command that meets a slot on the move fails with ERR_UNAVAILABLE and is to be
 * pushed again. If pulls are left undone, the next command of its own opens new connections rather than take their
 * replies for its answer. */
bool kv_push(struct kv *kv, const struct kv_args *a, struct err *e);
bool kv_pushf(struct kv *kv, struct err *e, const char *fmt, ...);
redisReply *kv_pull(struct kv *kv, struct err *e);

/* Calls a script of lua/ by name; `args` are its ARGV. Loads it when the server does not have it. `key` is a partition's
 * prefix, or the one key that the script is about. */
redisReply *kv_script(struct kv *kv, const char *script, const char *key,
                      const struct kv_args *args, struct err *e);

/* Field of a flat [name, value, …] reply; NULL when absent. Borrowed. */
const redisReply *kv_field(const redisReply *flat, const char *name);
/* An element of an array reply as a number. */
long long kv_int_at(const redisReply *r, size_t i, long long otherwise);

/* Whether Redis is well, and what it was asked about is there and not as it must be: a key of another type, a right that is not given. */
static inline bool kv_is_refusal(const struct err *e)
{
    return e->code == ERR_REDIS && !e->is_missing;
}

void kv_cleanup_reply(redisReply **r);
#define auto_reply CLEANUP(kv_cleanup_reply) redisReply
