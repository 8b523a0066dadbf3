/* cluster.h: the servers behind one `struct kv`: a single Redis, or the nodes of a Redis Cluster and which of them serves
 * which slot.
 *
 * What kind it is the first server tells when it is connected. Of a cluster the map of slots is read from any node that
 * answers; it is read again when a node says MOVED, and when the owner of a slot cannot be reached, since another may
 * have been promoted meanwhile. Connections to the nodes are opened when they are needed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kv.h"
#include "kv_node.h"
#include "slot.h"

struct cluster {
    struct kv_url url;
    struct kv_node **nodes; /* a pointer stays good as long as the cluster */
    int count;
    int16_t *owner; /* of each slot, -1 = nobody; NULL = a single server, or not known yet */
    struct kv_node *single;
    bool stale;              /* the map is to be read again when it can be */
    int64_t refresh_at_ms;   /* not before, monotonic */
    int64_t owners_since_ms; /* when a slot went from one node to another */
    unsigned changes;        /* how often that happened */
};

bool cluster_init(struct cluster *c, const char *url, struct err *e);
void cluster_release(struct cluster *c);

/* The server for a slot, or any for SLOT_ANY, connected; NULL on failure. */
struct kv_node *cluster_node(struct cluster *c, int slot, struct err *e);

/* Where the server for a slot is, whether it can be reached or not. */
bool cluster_address(struct cluster *c, int slot, struct kv_address *ret, struct err *e);

/* Asks what kind it is if that is not known yet. */
bool cluster_know(struct cluster *c, struct err *e);
bool cluster_is_one(const struct cluster *c); /* a Redis Cluster, as far as is known */

/* "MOVED <slot> <host>:<port>" or "ASK …" as an error reply. */
bool cluster_is_redirect(const redisReply *r);
/* Follows such a reply of `from`: notes a MOVED, and returns the node it names, not connected yet. */
struct kv_node *cluster_redirect(struct cluster *c, const struct kv_node *from, const redisReply *r,
                                 bool *ret_ask);

/* kv_connected_since_ms and kv_disturbances. */
int64_t cluster_since_ms(const struct cluster *c);
unsigned cluster_disturbances(const struct cluster *c);

/* The servers that hold data, by number; NULL past the last one. */
struct kv_node *cluster_primary(const struct cluster *c, int number);

/* For reader.c, which has connections of its own. */
struct cluster *kv_cluster(struct kv *kv);
