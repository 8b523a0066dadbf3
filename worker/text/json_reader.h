/* json_reader.h: JSON from left to right, without building it. A caption file has a hundred thousand values, each of which is
 * looked at once or not at all.
 *
 *   struct json_reader r = JSON_READER(text);
 *   struct json_text key;
 *   if (jr_open(&r, '{'))
 *       while (jr_member(&r, &key))
 *           if (jr_is(&key, "tStartMs"))
 *               start = jr_whole(&r, 0);
 *           else
 *               jr_skip(&r);
 *   else
 *       jr_skip(&r);
 *   if (!jr_finish(&r, e)) ... it was no JSON ...
 *
 * The text is valid UTF-8 without NUL, and ends with one. At the first byte that does not belong there reading ends: every
 * list is then at its end and every value absent. Each value has to be read or skipped. */
#pragma once

#include "buf.h"
#include "err.h"

struct json_reader {
    const char *text, *p;
    bool is_first; /* nothing of the innermost list was read yet */
    bool is_bad;
    int depth;
    struct buf unescaped;
};

#define JSON_READER(json)                                                                          \
    {                                                                                              \
        .text = (json), .p = (json), .unescaped = BUF_INIT(SIZE_MAX / 2)                           \
    }

/* Valid until the next call. */
struct json_text {
    const char *p;
    size_t len;
};

bool jr_is(const struct json_text *t, const char *s);

/* Into the object ('{') or array ('[') that is next. False, and nothing is read, when it is something else. */
bool jr_open(struct json_reader *r, char kind);
/* To the next value of what was opened; false at its end, which is read. */
bool jr_member(struct json_reader *r, struct json_text *ret_key);
bool jr_item(struct json_reader *r);

/* The string that is next. False, and nothing is read, when it is something else. Halves of surrogate pairs and U+0000, which
 * JavaScript writes, are U+FFFD. */
bool jr_string(struct json_reader *r, struct json_text *ret);
/* The number that is next, or that a string consists of; what else is there is skipped. Whole ones end at INT64_MAX. */
double jr_real(struct json_reader *r, double otherwise);
long long jr_whole(struct json_reader *r, long long otherwise);
void jr_skip(struct json_reader *r);

/* The whole of an object, of which one member is wanted: `read` reads or skips its value, and says whether it was what it should be;
 * *ret_found is what it said last. False: it is no JSON. */
bool jr_read(const char *text, const char *name, bool (*read)(struct json_reader *r, void *arg),
             void *arg, bool *ret_found, struct err *e);

/* To be asked once, after the last value: whether that was all, and JSON. Frees what the reader holds. */
bool jr_finish(struct json_reader *r, struct err *e);
