#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "copy.h"

static const struct {
    const char *name;
    bool retryable;
} codes[ERR_COUNT] = {
#define X(code, name, retryable) [code] = {name, retryable},
    ERR_CODES(X)
#undef X
};

const char *err_name(enum err_code code)
{
    return (unsigned)code < ERR_COUNT ? codes[code].name : "unknown";
}

bool err_is_retryable(enum err_code code)
{
    return (unsigned)code < ERR_COUNT && codes[code].retryable;
}

bool err_is_of_provider(enum err_code code)
{
    return code >= ERR_RETRY && code <= ERR_STOP_PROVIDER;
}

enum err_code err_find(const char *name, enum err_code otherwise)
{
    for (int i = 0; name != NULL && i < ERR_COUNT; i++) {
        if (strcmp(codes[i].name, name) == 0)
            return (enum err_code)i;
    }
    return otherwise;
}

/* A message is cut at a byte count: half a UTF-8 character at the end goes. */
static void trim_utf8(char *msg)
{
    size_t n = strlen(msg), tail = 0;
    while (tail < n && tail < 4 && ((unsigned char)msg[n - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail == n)
        return;
    unsigned char lead = (unsigned char)msg[n - 1 - tail];
    size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (tail < want)
        msg[n - 1 - tail] = '\0';
}

/* Messages go into Postgres and into JSON, and may quote what somebody sent. */
static void tidy(char *msg)
{
    trim_utf8(msg);
    utf8_clean(msg, strlen(msg));
}

__attribute__((format(printf, 3, 0))) static void set(struct err *e, enum err_code code,
                                                      const char *fmt, va_list ap)
{
    e->code = code;
    e->retry_after_ms = 0;
    e->is_outage = false;
    e->is_missing = false;
    (void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    tidy(e->msg);
}

bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(e, code, fmt, ap);
    va_end(ap);
    return false;
}

void *err_null(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(e, code, fmt, ap);
    va_end(ap);
    return NULL;
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
    char old[sizeof(e->msg)];
    memcpy(old, e->msg, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->msg))
        (void)snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", old);
    tidy(e->msg);
    return false;
}
