/* log_mask.h: where a hidden secret begins (log_hide and log_mask are in log.h). */
#pragma once

#include <stddef.h>

/* The length of the longest secret that begins here, 0 = none: one may be the beginning of another. */
size_t log_secret_at(const char *s);
