/* offer.h: tells which functions this worker executes, for people who ask why a run waits. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "kv.h"

/* Those of this build. Redis may forget it, so it is said again now and then. */
bool offer_functions(struct kv *kv, const char *worker_id, struct err *e);
/* None any more. */
bool offer_nothing(struct kv *kv, const char *worker_id, struct err *e);
