/* log.h: one event, one line, logfmt or JSON, to standard error. Thread-safe.
 *
 *   log_info("run finished", "run", id, "fn", fn, LOG_END)
 *
 * Keys and values alternate and end with LOG_END (a NULL); values are quoted where needed, control bytes are
 * escaped and every value is cut at 1 KiB, so nothing a user sent can forge a line or fill the disk. Messages are
 * plain words, lower case, no full stop, and constant: each has a code in log_codes.inc that stays when the words are
 * changed, and a row in ops/logs.md. Levels: error (somebody must look), warn (we coped, here is how), info (a run's
 * milestones), debug. Library code returns errors; only the edges log.
 *
 * A line that says exactly what another said a moment ago is counted instead of written (log_fold.h). Only info lines are
 * milestones, of which each is written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

#define LOG_END ((const char *)0)

/* `program` heads every line. To be called before threads exist. */
void log_init(const char *program, enum log_level level);
/* For how long repeated lines are counted, in milliseconds; 0 = all are written. Before threads exist. */
void log_style(enum log_format format, int64_t fold_ms);
bool log_level_parse(const char *name, enum log_level *ret);
bool log_format_parse(const char *name, enum log_format *ret);
bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG))                                                                \
            log_line(LOG_DEBUG, __VA_ARGS__);                                                      \
    } while (0)

/* What the calling thread works on from now on: both ids are added to each of its lines. Copied; NULL = nothing. */
void log_trace(const char *trace_id, const char *span_id);

/* Writes what repeated lines have been counted up to now and whose time is over; `all`: the others too. To be called
 * now and then, and before the end. */
void log_flush(bool all);

/* A string that must never be printed from now on (a password, a key): wherever it occurs in a value it is
 * replaced by ***. Shorter than 6 bytes is ignored. Copied; to be called before threads exist. */
void log_hide(const char *secret);

/* Replaces every hidden secret in a text that goes elsewhere, in place. */
void log_mask(char *text);
