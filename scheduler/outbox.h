/* outbox.h: the thread that carries the rows of chronos.outbox to the event stream of partition 0.
 *
 * A row becomes an entry whose event id follows from the row, so that it may be sent again: routing drops what came before.
 * It is deleted only when chronos.events has the event, and sent again when Redis has lost it on the way. While Redis is
 * away or full, or routing is behind, rows wait in Postgres. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

struct outbox;

struct outbox *outbox_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
void outbox_stop(struct outbox *o); /* after the stop flag was set */
