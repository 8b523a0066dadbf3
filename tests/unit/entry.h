/* entry.h: entries of event streams for unit tests, as hiredis would deliver them. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdarg.h>

#include "buf.h"

/* [id, [name, value, …]]; ends with NULL. The caller frees it. */
static inline redisReply *entry_of(const char *id, ...)
{
    struct buf fields, text;
    int count = 0;
    buf_init(&fields, 4 << 20);
    buf_init(&text, 4 << 20);
    va_list ap;
    va_start(ap, id);
    for (const char *v; (v = va_arg(ap, const char *)) != NULL; count++)
        assert_true(buf_addf(&fields, "$%zu\r\n%s\r\n", strlen(v), v));
    va_end(ap);
    assert_true(
        buf_addf(&text, "*2\r\n$%zu\r\n%s\r\n*%d\r\n%s", strlen(id), id, count, fields.data));
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, text.data, text.len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    buf_release(&fields);
    buf_release(&text);
    return reply;
}
