/* conditions.h: conditions of listeners, compiled. Each comes as a text that is asked of many events, so the latest are kept.
 * Belongs to one thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "expr.h"

enum { CONDITIONS_KEPT = 256 };

struct conditions {
    struct {
        char *text;
        struct expr *compiled; /* NULL: it cannot be read */
    } kept[CONDITIONS_KEPT];
};
void conditions_release(struct conditions *c);

/* Does the condition hold for the event that comes? "" always does. One that cannot be compiled never does, and is logged. */
bool conditions_hold(struct conditions *c, const char *text, const json_t *event);
