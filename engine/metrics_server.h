/* metrics_server.h: the port on which a daemon is asked how it is: GET /metrics (Prometheus' text format), /health (the
 * process answers), /ready (it can do its work now; 503 and a reason when not). It has one thread of its own and is up
 * from the start on, so that a daemon that waits for its stores can be seen waiting. */
#pragma once

#include <stddef.h>

#include "conf.h"
#include "err.h"
#include "metric_table.h"

/* Listens at CHRONOS_METRICS_ADDRESS, CHRONOS_METRICS_PORT, and begins to count; with port 0 it does neither. Once, before
 * other threads exist; it ends with the process. false: it cannot listen there. */
bool metrics_serve(const struct conf *c, enum metric_daemon daemon, struct err *e);

/* Why it is not ready, a constant sentence; NULL = it is. */
void metrics_say_ready(const char *why_not);
/* Asked at each /ready beside that: false when something that has to go on has stopped. Writes a reason. NULL = nothing. */
void metrics_ask_ready(bool (*is_ready)(void *arg, char *why, size_t size), void *arg);
