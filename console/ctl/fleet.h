/* fleet.h: which workers and schedulers there are, and which of them live, as Redis knows it. Changes nothing. */
#pragma once

#include <jansson.h>

#include "err.h"
#include "kv.h"

struct fleet {
    json_t *workers;    /* id -> {"alive": bool, "functions": [id…]} */
    json_t *schedulers; /* id -> {"alive": bool} */
};

bool fleet_read(struct fleet *f, struct kv *kv, struct err *e);
void fleet_release(struct fleet *f);

/* How many of them live. */
size_t fleet_alive(const json_t *daemons);
bool fleet_lives(const json_t *daemons, const char *id);
/* How many live workers execute the function. */
int fleet_offers(const struct fleet *f, const char *function);
