/* caption_check.h: captions as one string to compare with: "start-end text" lines. Include after unit.h. */
#pragma once

#include "buf.h"
#include "caption.h"

static inline char *captions_show(const struct captions *c)
{
    struct buf b = BUF_INIT(1 << 24);
    for (size_t i = 0; i < c->len; i++) {
        if (!buf_addf(&b, "%lld-%lld %s\n", (long long)c->items[i].start_ms,
                      (long long)c->items[i].end_ms, c->items[i].text))
            abort();
    }
    return buf_take(&b);
}

static inline void expect_captions_of(const char *bytes, size_t len, enum caption_format format,
                                      bool automatic, const char *wanted)
{
    struct captions c = {0};
    struct err e = {0};
    if (!captions_parse(bytes, len, format, automatic, &c, &e))
        fail_msg("%s", e.msg);
    auto_free char *found = captions_show(&c);
    captions_release(&c);
    assert_string_equal(found, wanted);
}

/* `text` is a string literal and may hold NUL bytes. */
#define EXPECT(format, text, wanted)                                                               \
    expect_captions_of(text, sizeof(text) - 1, format, false, wanted)
#define EXPECT_AUTOMATIC(format, text, wanted)                                                     \
    expect_captions_of(text, sizeof(text) - 1, format, true, wanted)

static inline void expect_refused_of(const char *bytes, size_t len, enum caption_format format)
{
    struct captions c = {0};
    struct err e = {0};
    assert_false(captions_parse(bytes, len, format, false, &c, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_true(strlen(e.msg) > 10);
    assert_int_equal(c.len, 0);
    assert_null(c.items);
}

#define EXPECT_REFUSED(format, text) expect_refused_of(text, sizeof(text) - 1, format)
