/* when.h: times as the API writes and reads them: "2026-01-05T06:00:00.120Z". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_SIZE = 40 };

/* Milliseconds since 1970 as text. Returns out. */
const char *when_format(int64_t ms, char out[WHEN_SIZE]);

/* Reads that form (seconds' fraction optional, Z or an offset), or milliseconds as a number. */
bool when_parse(const char *text, int64_t *ret_ms);
