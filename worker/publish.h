/* publish.h: tells the schedulers which functions this worker carries, and makes the streams they will be ready in. */
#pragma once

#include "conf.h"
#include "err.h"
#include "kv.h"

/* At start, and again when Redis has lost its data. */
bool publish_functions(const struct conf *c, struct kv *kv, struct err *e);
