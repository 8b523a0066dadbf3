/* event_rules.h: what an event may be, whichever door it comes by: the streams (scheduler/event.c), HTTP (console/ingest.c). */
#pragma once

#include <stdint.h>

enum {
    MAX_NAME_BYTES = 256, /* of its version, too */
    MAX_KEY_BYTES = 512,  /* its idempotency key */
    MAX_USER_BYTES = 65536,
    /* Of its data. A failure's event holds the event that failed, deeper and deeper: js_parse has room for that. */
    MAX_LEVELS = 100,
};

#define FIRST_TS_MS INT64_C(315532800000)  /* 1980 */
#define LAST_TS_MS  INT64_C(4102444800000) /* 2100 */
