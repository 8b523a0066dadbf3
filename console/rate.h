/* rate.h: how often something may happen, as the requests of each key: buckets of tokens that fill again all the time. Each console
 * counts for itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

/* Each bucket holds as many tokens as come in `ms`. */
struct rate *rate_new(size_t buckets, long tokens, long ms);
/* false: the bucket is empty, for *ret_wait_ms more. Thread-safe. */
bool rate_has(struct rate *r, size_t bucket, int64_t *ret_wait_ms);
/* The same, and takes one. */
bool rate_take(struct rate *r, size_t bucket, int64_t *ret_wait_ms);
