/* tries.h: how many wrong keys may be tried at POST /login: a few a minute from one address (of IPv6: from one network of 64 bits), and
 * many from all of them together; past those, an address that has tried one has to wait, and a first try is looked at all the same. Each
 * console counts for itself, and only wrong ones, so that nobody who has a key is held up by how often it is used. Keys that are shown
 * as Authorization: Bearer or in a path are not counted: what --new-key makes has 256 bits, and nobody finds one by trying. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tries;

struct tries *tries_new(void);
/* false: none is looked at from this address for *ret_wait_ms, right or wrong. Thread-safe. */
bool tries_left(struct tries *t, const char *address, int64_t *ret_wait_ms);
/* A wrong one. Thread-safe. */
void tries_count(struct tries *t, const char *address);
