/* admission.h: the runs of a batch are handed to their partitions, and what each says becomes their state. */
#pragma once

#include "routed.h"
#include "routing.h"

/* One call of enqueue per partition, of the starts that are still new: after a failure it may be called again for the rest.
 * ERR_STALE: this scheduler was declared dead meanwhile. */
bool admission_enqueue(struct routing *r, struct routed *list, size_t n, struct err *e);
