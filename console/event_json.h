/* event_json.h: an Event of openapi.json. */
#pragma once

#include <jansson.h>
#include <libpq-fe.h>

/* A row of list_events or get_event. */
json_t *event_of_row(const PGresult *r, int row);
