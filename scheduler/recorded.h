/* recorded.h: an event as Postgres keeps it, read back. */
#pragma once

#include <libpq-fe.h>

#include "err.h"
#include "event.h"

/* The columns id, name, data, user, v, traceparent, ts_ms and accepted_ms of a row, which the event borrows from; to be released. */
bool recorded_event(struct event *ev, const PGresult *rows, int row, struct err *e);
