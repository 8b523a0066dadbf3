/* tries.h: how many wrong keys may be tried: a few a minute from one address, and many from all of them together. Each console counts
 * for itself, and only wrong ones, so that nobody who has a key is held up by how often it is used. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tries;

struct tries *tries_new(void);
/* false: no more are taken from this address for *ret_wait_ms, right or wrong. Thread-safe. */
bool tries_left(struct tries *t, const char *address, int64_t *ret_wait_ms);
/* A wrong one. Thread-safe. */
void tries_count(struct tries *t, const char *address);
