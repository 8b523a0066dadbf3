/* keys.h: who may do what. Only hashes of keys are known here (CHRONOS_EVENT_KEYS, …); keys are long and random
 * (keys_print_new), so one round of SHA-256 keeps them. Two keys of one name may live at the same time: the new one is set beside
 * the old, callers change over, the old one is taken out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "digest.h"
#include "request.h"

enum { MAX_KEYS_SET = 64, KEY_NAME_SIZE = 41, KEY_HASH_SIZE = DIGEST_SIZE };

struct key_set {
    enum access access; /* ACCESS_EVENT, ACCESS_READ or ACCESS_ADMIN */
    char name[KEY_NAME_SIZE];
    uint8_t hash[KEY_HASH_SIZE];
};

struct keys {
    struct key_set set[MAX_KEYS_SET];
    int count;
};

/* Reads the settings. ERR_INPUT names setting and mend. */
bool keys_load(struct keys *k, const struct conf *c, struct err *e);

/* The key that was shown, among those of an event (`event`) or among the others; NULL when it is none of them. Takes as long for a
 * wrong key as for a right one. */
const struct key_set *keys_find(const struct keys *k, bool event, const char *shown, size_t len);
/* The one with that hash: what a cookie names. */
const struct key_set *keys_find_hash(const struct keys *k, const uint8_t hash[KEY_HASH_SIZE]);

/* For chronos-console --new-key CLASS NAME: prints a new key and the setting that admits it. Exit status. */
int keys_print_new(const char *class, const char *name);
