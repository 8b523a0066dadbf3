/* caption_format.h: what captions.c and the parsers of the single formats share; nobody else includes it.
 *
 * Every parser gets text that captions.c has normalised: valid UTF-8, no byte order mark, no NUL, lines end in LF.
 * It adds captions in file order with the lines of a cue separated by LF, and leaves white space, order and
 * repetitions to the finishing. Parsers are one pass over the text and never recurse. */
#pragma once

#include "buf.h"
#include "caption.h"

/* Times beyond are nonsense; parsers clamp to just outside, so that sums cannot overflow. */
#define CAPTION_MAX_MS (7 * 24 * INT64_C(3600000))

/* An end that the file does not give: until the next caption starts. */
#define CAPTION_END_UNKNOWN INT64_MIN

bool vtt_parse(const char *text, size_t len, struct captions *ret, struct err *e);
bool srt_parse(const char *text, size_t len, struct captions *ret, struct err *e);
/* The text ends with a NUL. */
bool json3_parse(const char *text, struct captions *ret, struct err *e);
bool phrases_parse(const char *text, struct captions *ret, struct err *e);
/* Which of the two it is. */
bool phrases_sniff(const char *text);
/* CAPTION_SRV1 or CAPTION_SRV3 */
bool srv_parse(const char *text, size_t len, enum caption_format format, struct captions *ret,
               struct err *e);
/* By the root element. */
bool srv_sniff(const char *text, size_t len, enum caption_format *ret, struct err *e);

/* Orders by start and gives every CAPTION_END_UNKNOWN the start of its successor, the last one last_ms more than
 * its own start. */
void captions_fill_ends(struct captions *c, int64_t last_ms);

/* A finite or absurd number of milliseconds or seconds from outside. */
int64_t caption_clamp_ms(long long ms);
int64_t caption_ms_of_seconds(double seconds);

/* Whether anything would be left of the text after folding white space. */
bool caption_is_blank(const char *text, size_t len);

/* A caption that may still grow: formats that append to "the previous one" collect here and add it once, since
 * growing a finished string again and again takes quadratic time. `init` with OPEN_CAPTION. */
struct open_caption {
    bool is_open;
    int64_t start_ms, end_ms;
    struct buf text;
};
#define OPEN_CAPTION                                                                               \
    {                                                                                              \
        .text = BUF_INIT(SIZE_MAX / 2)                                                             \
    }

void open_caption_begin(struct open_caption *o, struct captions *c, int64_t start_ms,
                        int64_t end_ms);
/* Adds what is open, if anything, and is ready for the next. */
void open_caption_flush(struct open_caption *o, struct captions *c);

/* Lines without their LF. The text after the last LF is a line, unless it is empty. */
struct lines {
    const char *p, *end;
};
bool lines_next(struct lines *l, const char **ret_line, size_t *ret_len);
bool line_has_arrow(const char *line, size_t len);

/* Copies text without its markup: '<', perhaps '/', a letter, up to '>', if is_tag says so of what is between '<'
 * and '>' (NULL: always). Any other '<' is text. */
void markup_strip(const char *text, size_t len, bool (*is_tag)(const char *inside, size_t len),
                  struct buf *out);
