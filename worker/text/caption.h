/* caption.h: timed text out of the caption formats of the world. Pure code: no I/O, total on any bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "err.h"

struct caption {
    int64_t start_ms;
    int64_t end_ms; /* >= start_ms */
    char *text;     /* plain UTF-8, white space folded, never empty */
};

/* Ordered by start. `init` with {0}; release frees everything. */
struct captions {
    struct caption *items;
    size_t len;
    size_t cap;
};

enum caption_format {
    CAPTION_SNIFF, /* look at the first bytes */
    CAPTION_VTT,
    CAPTION_SRT,
    CAPTION_JSON3,   /* YouTube */
    CAPTION_SRV1,    /* YouTube XML, seconds */
    CAPTION_SRV3,    /* YouTube XML, milliseconds (also srv2) */
    CAPTION_PHRASES, /* Loom JSON */
};

/* Parses and finishes (strip markup, fold, order, remove rolling repeats). `automatic` = made by a machine: its
 * overlaps are cut. ERR_INPUT when the bytes are not that format; zero captions is a success with len 0. */
bool captions_parse(const char *bytes, size_t len, enum caption_format format, bool automatic,
                    struct captions *ret, struct err *e);
void captions_release(struct captions *c);

/* Appends one caption as it is (text is copied); for clients that already have times, like Whisper. Empty text
 * is dropped. */
void captions_add(struct captions *c, int64_t start_ms, int64_t end_ms, const char *text,
                  size_t len);
/* The common finishing on what was added by hand. */
void captions_finish(struct captions *c, bool automatic);

/* All texts joined by one space; the caller frees. "" when there are none. */
char *captions_text(const struct captions *c);
/* [[start_ms, end_ms, "text"], …] and back; from_json is total: what does not fit is skipped. */
json_t *captions_to_json(const struct captions *c);
bool captions_from_json(const json_t *j, struct captions *ret, struct err *e);
