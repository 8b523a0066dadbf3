/* overview.h: how it goes, on one page. */
#pragma once

#include "desk.h"

json_t *overview_get(struct desk *d, struct err *e);
