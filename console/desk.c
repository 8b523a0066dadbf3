#include "desk.h"

#include <stdarg.h>
#include <stdio.h>

static void *refuse(struct desk *d, const char *field, bool missing, struct err *e, const char *fmt,
                    va_list ap)
{
    char text[sizeof(e->msg)];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    d->field = field;
    d->missing = missing;
    return err_null(e, ERR_INPUT, "%s", text);
}

void *desk_refuse(struct desk *d, const char *field, struct err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)refuse(d, field, false, e, fmt, ap);
    va_end(ap);
    return NULL;
}

void *desk_missing(struct desk *d, const char *field, struct err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)refuse(d, field, true, e, fmt, ap);
    va_end(ap);
    return NULL;
}
