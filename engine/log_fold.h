/* log_fold.h: lines that repeat themselves. The first is written; the same line again within the time is counted, and once
 * that is over it is written again with repeated=<count>. A service that is away for an hour costs a few hundred lines and not a
 * million, and none of them is lost without a number. Not thread-safe: the caller holds the log's lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes a line's text, `repeated` times it was not (0: it is written for itself). */
typedef void (*log_fold_write)(const char *text, size_t len, uint64_t repeated);

/* true: the line was counted and is not to be written now. */
bool log_fold(const char *text, size_t len, int64_t now_ms, int64_t fold_ms, log_fold_write write);
/* Writes the counts whose time is over, with `all` the others too. */
void log_fold_flush(int64_t now_ms, int64_t fold_ms, bool all, log_fold_write write);
