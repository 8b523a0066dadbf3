/* match.h: which functions an event starts. */
#pragma once

#include "routed.h"
#include "routing.h"

/* Makes the starts of all events that may start something. The manifests they point to live until the next refresh. */
bool match_events(struct routing *r, struct routed *list, size_t n, struct err *e);
