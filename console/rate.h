/* rate.h: how many requests each key may send: a bucket of tokens per key that fills again all the time, and holds those of one
 * second. Each console counts for itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

struct rate *rate_new(size_t buckets, long per_second);
/* false: the bucket is empty, for *ret_wait_ms more. Thread-safe. */
bool rate_take(struct rate *r, size_t bucket, int64_t *ret_wait_ms);
