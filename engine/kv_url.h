/* kv_url.h: where Redis is and who we are to it, as CHRONOS_REDIS_URL says:
 * redis://[user:password@]host[:port][,host[:port]…][/db]. Several hosts are seeds of one Redis Cluster: any of them tells
 * the others. */
#pragma once

#include <stdbool.h>

#include "err.h"

enum { KV_HOST_SIZE = 256, KV_MAX_SEEDS = 16 };

struct kv_address {
    char host[KV_HOST_SIZE];
    int port;
};

bool kv_address_equal(const struct kv_address *a, const struct kv_address *b);

struct kv_url {
    struct kv_address seeds[KV_MAX_SEEDS];
    int seed_count;
    char *user, *password; /* NULL = none */
    int db;
};

/* ERR_INPUT when it cannot be read. */
bool kv_url_parse(struct kv_url *u, const char *text, struct err *e);
void kv_url_release(struct kv_url *u);
