/* kv_node.h: one connection to one Redis server, for kv.c, cluster.c and reader.c; everybody else uses kv.h.
 *
 * It is opened when it is needed, not more often than a jittered back-off allows. After any transport error it is dropped,
 * as what was sent may or may not have been applied. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kv_url.h"

enum { KV_REPLY_MS = 5000 }; /* a command that takes longer than this means a dead peer */

struct kv_node {
    struct kv_address at;
    const struct kv_url *url; /* who we are; outlives the node */
    redisContext *ctx;        /* NULL = no connection */
    bool is_cluster;          /* it said so when it was connected */
    bool impatient;   /* others may have what it serves: it is given up sooner when it is silent */
    int64_t since_ms; /* connected and of use without a break since; 0 = no connection */
    int64_t try_again_ms; /* not before, monotonic */
    int64_t backoff_ms;
    int64_t timeout_ms; /* what the socket is set to now */
    int outstanding;    /* sent (or in the output buffer) and not read yet */
    unsigned losses;    /* how often the connection was given up while replies were outstanding */

    /* cluster.c's */
    bool is_listed;  /* the cluster names it, or the URL does */
    bool is_named;   /* in the map that is being read */
    bool is_primary; /* it serves slots */
};

void kv_node_init(struct kv_node *n, const struct kv_url *url, const struct kv_address *at);
void kv_node_release(struct kv_node *n);
void kv_node_drop(struct kv_node *n);

/* Connects unless it is. */
bool kv_node_ready(struct kv_node *n, struct err *e);
/* How long a read waits. */
void kv_node_set_timeout(struct kv_node *n, int64_t ms);
/* A formatted command into the output buffer; the node is ready. */
bool kv_node_append(struct kv_node *n, const char *bytes, size_t len, struct err *e);
/* Sends what is in the output buffer. */
bool kv_node_flush(struct kv_node *n, struct err *e);
/* The next reply, which may be an error reply; NULL when the connection has failed. */
redisReply *kv_node_read(struct kv_node *n, struct err *e);
/* One command and its reply, which may be an error reply. */
redisReply *kv_node_ask(struct kv_node *n, const char *bytes, size_t len, struct err *e);

/* The next command is about a slot that is moving to this node. */
bool kv_node_say_asking(struct kv_node *n, struct err *e);

/* Turns an error reply into `e`: ERR_UNAVAILABLE where waiting helps, else ERR_REDIS. Returns false. */
bool kv_node_refused(struct kv_node *n, const redisReply *r, struct err *e);
