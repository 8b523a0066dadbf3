/* id.h: identifiers. An id is a ULID: 26 characters of Crockford's base32, 48 bits of milliseconds and 80 bits of hash,
 * so ids sort by time. Event and run ids are computed from what they identify, never drawn: the same stream entry
 * gives the same ids however often it is delivered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_SIZE = 27 }; /* with the NUL */

/* The id of what happened at `ms` and is named by the two strings together. */
void id_derive(int64_t ms, const char *first, const char *second, char out[ID_SIZE]);

/* The milliseconds inside an id; -1 when it is none. */
int64_t id_ms(const char *id);

/* Whether it is a UUID, as creators, videos and operations have for an id: 8-4-4-4-12 hexadecimal digits, which is how
 * Postgres writes it. */
bool is_uuid(const char *s);

/* A name that no other process has: <host>:<pid>:<random>. */
void id_process(char *out, size_t size);

/* Random bits from the kernel. */
uint64_t id_random(void);

/* The partition that a creator's (or other key's) work lives in. */
int id_partition(const char *key, size_t len, int partitions);

/* The same on every machine and for ever: keys that are stored are made of it. `seed` may be another hash, to go on from. */
uint64_t id_hash(uint64_t seed, const char *p, size_t len);
