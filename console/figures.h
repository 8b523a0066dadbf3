/* figures.h: how runs ended in the last hour. They are counted in Postgres, which may take some tenths of a second after a million
 * runs; what was counted is used again for ten times as long as that took. */
#pragma once

#include "desk.h"

/* {"minutes": [{minute, completed, failed, cancelled, skipped}…], "functions": {id: {completed, failed, cancelled}},
 *  "hour": {completed, failed, cancelled, skipped}, "failures": […]}; a new reference that nobody else has. */
json_t *figures_of_hour(struct desk *d, struct err *e);
