/* log_text.h: a log line while it is written, as logfmt or as one JSON object. A pair that does not fit is left out whole
 * and the line says so, so that it can always be read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "log.h"

enum { LOG_LINE_BYTES = 8192 };

struct log_text {
    enum log_format format;
    size_t len;
    bool cut; /* a pair was left out */
    char text[LOG_LINE_BYTES];
};

void log_text_init(struct log_text *t, enum log_format format);
/* ` key=value` or `,"key":"value"`: the value is escaped, cut and stripped of secrets. Of the keys that hold numbers (attempt,
 * took_ms, …) JSON shows a number. */
void log_text_pair(struct log_text *t, const char *key, const char *value);
