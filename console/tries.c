#include "tries.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "digest.h"
#include "rate.h"

enum {
    EACH = 10,  /* a minute */
    FIRST = 1,  /* a minute, however many others there are */
    ALL = 3000, /* a minute, beside the first ones: that of three hundred addresses */
    MINUTE_MS = 60000,
    BUCKETS = 65536,
    NETWORK = 8, /* bytes of an IPv6 address: the rest of it is the client's own choice */
};

/* An address has two of the buckets, and is refused when both are empty: somebody else's tries would have to empty the very same two,
 * and which they are is secret. What all may try is a bound for those who have tried already: an address without a wrong key in the last
 * minute is always looked at, else a few hundred addresses could keep everybody out. */
struct tries {
    uint8_t secret[16];
    struct rate *each, *first, *all;
};

struct places {
    size_t of[2];
};

struct tries *tries_new(void)
{
    struct tries *t = calloc(1, sizeof(*t));
    if (t == NULL || getrandom(t->secret, sizeof(t->secret), 0) != (ssize_t)sizeof(t->secret))
        abort(); /* at start */
    t->each = rate_new(BUCKETS, EACH, MINUTE_MS);
    t->first = rate_new(BUCKETS, FIRST, MINUTE_MS);
    t->all = rate_new(1, ALL, MINUTE_MS);
    return t;
}

static struct places places_of(const struct tries *t, const char *address)
{
    struct {
        uint8_t secret[sizeof(t->secret)];
        char who[64];
    } what = {0};
    struct in6_addr v6;
    uint8_t hash[DIGEST_SIZE];
    struct places p;
    memcpy(what.secret, t->secret, sizeof(what.secret));
    if (inet_pton(AF_INET6, address, &v6) == 1)
        memcpy(what.who, &v6, NETWORK);
    else
        (void)snprintf(what.who, sizeof(what.who), "%s", address);
    digest(&what, sizeof(what), hash);
    for (int i = 0; i < 2; i++)
        p.of[i] = (size_t)(hash[2 * i] << 8 | hash[2 * i + 1]) % BUCKETS;
    return p;
}

static bool has(struct rate *r, const struct places *p, int64_t *ret_wait_ms)
{
    int64_t other_ms;
    if (rate_has(r, p->of[0], ret_wait_ms) || rate_has(r, p->of[1], &other_ms))
        return true;
    *ret_wait_ms = other_ms < *ret_wait_ms ? other_ms : *ret_wait_ms;
    return false;
}

static void take(struct rate *r, const struct places *p)
{
    int64_t ignored_ms;
    (void)rate_take(r, p->of[0], &ignored_ms);
    if (p->of[1] != p->of[0])
        (void)rate_take(r, p->of[1], &ignored_ms);
}

bool tries_left(struct tries *t, const char *address, int64_t *ret_wait_ms)
{
    struct places p = places_of(t, address);
    int64_t ignored_ms;
    return has(t->each, &p, ret_wait_ms) &&
           (rate_has(t->all, 0, ret_wait_ms) || has(t->first, &p, &ignored_ms));
}

void tries_count(struct tries *t, const char *address)
{
    struct places p = places_of(t, address);
    int64_t ignored_ms;
    (void)rate_take(t->all, 0, &ignored_ms);
    take(t->first, &p);
    take(t->each, &p);
}
