/* servers.h: which server processes hold the data. When another does, one was restarted, or its replica was promoted: it may
 * have forgotten the last that it was told, with its epoch intact (a power cut, replication that lagged). */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "kv.h"

/* Their names (run_id), sorted and joined: equal as long as the same processes hold the data. */
bool servers_read(struct kv *kv, struct buf *ret, struct err *e);
