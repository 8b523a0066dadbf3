/* scan.h: all keys of Redis that fit a pattern, a page at a time. Keys that are there from the first page to the last are
 * found at least once; those that come or go meanwhile may be found or not. */
#pragma once

#include <stdbool.h>

#include "key.h"
#include "kv.h"

struct scan {
    int server, servers; /* which is looked through, of how many; 0 = not counted yet */
    char cursor[32];
    bool done; /* the last page was given */
};

void scan_init(struct scan *s);

/* The next page, an array of keys, which may be empty; about as many as `count` keys of any name are looked at. NULL on failure:
 * asked again, it begins again. */
redisReply *scan_next(struct scan *s, struct kv *kv, const char *pattern, int count, struct err *e);

/* Splits "{c<i>}:<kind>:<name>" of that kind: copies the prefix "{c<i>}", and gives the name, borrowed; NULL when the key is no
 * such key. */
const char *scan_name(const char *key, const char *kind, char ret_prefix[PREFIX_SIZE]);

/* How many keys there are of any name. */
bool scan_size(struct kv *kv, long long *ret_keys, struct err *e);
