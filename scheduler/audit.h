/* audit.h: the thread that compares what Redis holds with itself, slowly and all the time: who holds a slot has a right to it,
 * and every live run is somewhere where it will go on from. Nothing is ever found unless there is a bug or somebody has
 * edited keys by hand; what is found is mended, counted in <p>:repairs, and logged as an error.
 *
 * The comparison is made by scripts, which see no state in which something is half done, so what they find is wrong at once. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "identity.h"

struct auditor;

struct auditor *auditor_start(const struct conf *c, struct identity *identity,
                              const atomic_bool *stopping, struct err *e);
void auditor_stop(struct auditor *a); /* after the stop flag was set */
