#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "compiler.h"
#include "log_codes.h"
#include "log_fold.h"
#include "log_text.h"
#include "metrics.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *program_name = "chronos";
static enum log_level threshold = LOG_INFO;
static enum log_format format = LOG_LOGFMT;
static int64_t fold_ms;
static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* guards standard error and what is folded */
static _Thread_local char trace_id[33], span_id[17];

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    threshold = level;
}

void log_style(enum log_format chosen, int64_t chosen_fold_ms)
{
    format = chosen;
    fold_ms = chosen_fold_ms;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *name, enum log_format *ret)
{
    if (strcmp(name, "json") != 0 && strcmp(name, "logfmt") != 0)
        return false;
    *ret = strcmp(name, "json") == 0 ? LOG_JSON : LOG_LOGFMT;
    return true;
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

void log_trace(const char *trace, const char *span)
{
    (void)snprintf(trace_id, sizeof(trace_id), "%s", trace != NULL ? trace : "");
    (void)snprintf(span_id, sizeof(span_id), "%s", span != NULL ? span : "");
}

/* The time goes before and the count behind, since the same text may be written again. The caller holds the lock. */
static void write_line(const char *text, size_t len, uint64_t repeated)
{
    struct timespec now;
    struct tm tm;
    char line[LOG_LINE_BYTES + 64];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    bool json = format == LOG_JSON;
    size_t n =
        (size_t)snprintf(line, sizeof(line), "%s%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ%s",
                         json ? "{\"ts\":\"" : "ts=", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                         tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, json ? "\"" : "");
    memcpy(line + n, text, len);
    n += len;
    if (repeated > 0)
        n += (size_t)snprintf(line + n, sizeof(line) - n,
                              json ? ",\"repeated\":%llu" : " repeated=%llu",
                              (unsigned long long)repeated);
    n += (size_t)snprintf(line + n, sizeof(line) - n, json ? "}\n" : "\n");
    (void)fwrite(line, 1, n, stderr);
}

static void finish_line(struct log_text *t)
{
    static const char *const said[] = {" truncated=true", ",\"truncated\":true"};
    if (!t->cut)
        return;
    const char *s = said[format == LOG_JSON];
    memcpy(t->text + t->len, s, strlen(s)); /* log_text.c has left the room */
    t->len += strlen(s);
}

void log_line(enum log_level level, const char *msg, ...)
{
    if (!log_enabled(level))
        return;
    metric_add(METRIC_LOG_LINES, 1, level_names[level]);
    struct log_text t;
    log_text_init(&t, format);
    log_text_pair(&t, "level", level_names[level]);
    log_text_pair(&t, "prog", program_name);
    const char *code = log_code(msg);
    if (code != NULL)
        log_text_pair(&t, "code", code);
    log_text_pair(&t, "msg", msg);
    bool traced = trace_id[0] != '\0';
    va_list ap;
    va_start(ap, msg);
    for (const char *k = va_arg(ap, const char *); k != NULL; k = va_arg(ap, const char *)) {
        const char *v = va_arg(ap, const char *);
        log_text_pair(&t, k, v);
        traced = traced && strcmp(k, "trace_id") != 0;
    }
    va_end(ap);
    if (traced) {
        log_text_pair(&t, "trace_id", trace_id);
        if (span_id[0] != '\0')
            log_text_pair(&t, "span_id", span_id);
    }
    finish_line(&t);
    (void)pthread_mutex_lock(&lock);
    if (level == LOG_INFO || !log_fold(t.text, t.len, mono_ms(), fold_ms, write_line))
        write_line(t.text, t.len, 0);
    (void)pthread_mutex_unlock(&lock);
}

void log_flush(bool all)
{
    (void)pthread_mutex_lock(&lock);
    log_fold_flush(mono_ms(), fold_ms, all, write_line);
    (void)pthread_mutex_unlock(&lock);
}
