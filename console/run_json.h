/* run_json.h: a Run of openapi.json, from what Postgres keeps or from what Redis knows. */
#pragma once

#include <libpq-fe.h>

#include "describe.h"

/* A row of list_ended_runs or ended_runs. */
json_t *run_of_row(const PGresult *r, int row, bool with_output);
/* A live run; `begun` is the row of begun_runs about it, which may not be there (row below 0). */
json_t *run_of_description(const char *id, const struct description *x, const PGresult *begun,
                           int row);
/* One that was accepted and that Redis does not know. */
json_t *run_of_begun(const PGresult *begun, int row);
