/* shares.h: the thread that moves shares of limits between partitions (share_round.h). With one partition there is nothing to
 * share and no thread. One scheduler does it as long as it is alive, to spare Redis the questions; that two should do it for a
 * moment is harmless. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "identity.h"

struct sharer;

struct sharer *sharer_start(const struct conf *c, struct identity *identity,
                            const atomic_bool *stopping, struct err *e);
void sharer_stop(struct sharer *s); /* after the stop flag was set */
