/* sampler.h: the thread that reads what the metrics show of Redis and Postgres: every 5 s what is in the streams and how limits
 * are used, every 15 s how the servers are. Each question costs the same however much work there is. It does nothing
 * when nobody can ask for metrics. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

struct sampler;

struct sampler *sampler_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
void sampler_stop(struct sampler *s); /* after the stop flag was set */

/* For /ready: false when either store has not answered for a while. */
bool sampler_is_content(void *none, char *why, size_t size);
