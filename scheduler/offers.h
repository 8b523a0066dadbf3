/* offers.h: which functions are executed by workers that live. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"
#include "kv.h"

struct offers {
    json_t *functions; /* id -> how many workers */
};

/* Asks Redis; forgets workers that have died. Failed: nothing to release. */
bool offers_read(struct offers *o, struct kv *kv, struct err *e);
void offers_release(struct offers *o);

/* How many workers execute the function. */
int offers_of(const struct offers *o, const char *fn);
