/* identity.h: who this scheduler is to the others. It is a consumer of the event streams, has a heartbeat, and is registered
 * in every partition; only a registered scheduler may start runs. A successor removes the registration before it takes
 * over what a silent scheduler had read, so a scheduler that wakes up late cannot start those runs again: it is told
 * "fenced" and takes a new identity. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"
#include "kv.h"

enum { IDENTITY_SIZE = 128 };

struct identity;

/* Registers and starts the heartbeat thread. */
struct identity *identity_start(const struct conf *c, struct err *e);
void identity_stop(struct identity *id);

/* The present name, copied. */
void identity_name(struct identity *id, char out[IDENTITY_SIZE]);
/* Whatever is still under way under this name, or is sent under it later, starts nothing. */
bool identity_fence(const struct conf *c, const char *name, struct kv *kv, struct err *e);
/* Takes a new name unless somebody did since `seen`; registers it with `kv`. */
bool identity_renew(struct identity *id, const char *seen, struct kv *kv, struct err *e);
