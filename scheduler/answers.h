/* answers.h: what steps that wait for a function's run are told when events are routed: the outcome that came, or that there
 * will be none. */
#pragma once

#include "routed.h"
#include "routing.h"

/* After enqueue. May be called again for those that have not been answered. */
bool answers_give(struct routing *r, struct routed *list, size_t n, struct err *e);
