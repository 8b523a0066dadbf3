/* srt.c: SubRip, as subtitle editors write it, which no standard describes: everything that can be understood is
 * accepted. A cue ends where the next line with an arrow is, or at the counter line before that; blank lines inside
 * a text are part of it. */
#include "caption_format.h"
#include "entities.h"
#include "utf8.h"

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal fraction of a second, so that ",5" is 500 ms; digits after the third are ignored. */
static const char *take_fraction(const char *p, const char *end, int64_t *ret_ms)
{
    int64_t unit = 100;
    for (*ret_ms = 0; p < end && is_digit(*p); p++, unit /= 10)
        *ret_ms += unit * (*p - '0');
    return p;
}

/* [hh:]mm:ss[,mmm], any number of digits and blanks around the separators. NULL when it is no time. */
static const char *take_time(const char *p, const char *end, int64_t *ret_ms)
{
    p = skip_blanks(p, end);
    bool negative = p < end && *p == '-';
    if (negative)
        p++;
    int64_t total = 0;
    int fields = 0;
    for (;;) {
        int64_t field = 0;
        if (p == end || !is_digit(*p))
            return NULL;
        for (; p < end && is_digit(*p); p++)
            field = field < CAPTION_MAX_MS ? field * 10 + (*p - '0') : field;
        total = total * 60 + (field < CAPTION_MAX_MS ? field : CAPTION_MAX_MS);
        const char *next = skip_blanks(p, end);
        if (++fields == 3 || next == end || *next != ':')
            break;
        p = skip_blanks(next + 1, end);
    }
    if (fields == 1)
        return NULL;
    int64_t ms = 0;
    const char *next = skip_blanks(p, end);
    if (next < end && (*next == ',' || *next == '.'))
        p = take_fraction(skip_blanks(next + 1, end), end, &ms);
    total = caption_clamp_ms(total * 1000 + ms);
    *ret_ms = negative ? -total : total;
    return p;
}

static bool parse_timing(const char *line, size_t len, int64_t *ret_start, int64_t *ret_end)
{
    const char *end = line + len, *p = take_time(line, end, ret_start);
    if (p == NULL)
        return false;
    p = skip_blanks(p, end);
    if (end - p < 3 || memcmp(p, "-->", 3) != 0)
        return false;
    return take_time(p + 3, end, ret_end) != NULL; /* a position may follow */
}

/* The tags of SubRip, and those of WebVTT that converters leave in. Any other <word> is text. */
static bool is_srt_tag(const char *inside, size_t len)
{
    static const char *const names[] = {"b", "i", "u", "s", "font", "span", "c", "v"};
    if (len > 0 && *inside == '/') {
        inside++;
        len--;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]);
        if (len < n || strncasecmp(inside, names[i], n) != 0)
            continue;
        if (len == n || memchr(" \t\n./", inside[n], 5) != NULL)
            return true;
    }
    return false;
}

/* {\an8}, {b}, {/i}, {Y:i} */
static bool is_brace_code(const char *inside, size_t len)
{
    if (len > 0 && *inside == '\\')
        return true;
    if (len == 3 && (*inside == 'y' || *inside == 'Y') && inside[1] == ':')
        return true;
    if (len == 2 && *inside == '/') {
        inside++;
        len--;
    }
    return len == 1 && strchr("bius", *inside) != NULL;
}

static void braces_strip(const char *p, size_t len, struct buf *out)
{
    const char *end = p + len, *close = NULL;
    while (p < end) {
        const char *open = memchr(p, '{', (size_t)(end - p));
        text_put(out, p, (size_t)((open != NULL ? open : end) - p));
        if (open == NULL)
            return;
        p = open;
        if (close == NULL || (close != end && close < p))
            close = memchr(p, '}', (size_t)(end - p)); /* not at every '{': that is quadratic */
        if (close == NULL)
            close = end;
        if (close < end && is_brace_code(p + 1, (size_t)(close - p - 1))) {
            p = close + 1;
            continue;
        }
        text_put(out, p, 1);
        p++;
    }
}

struct cue {
    bool is_open;
    int64_t start_ms, end_ms;
    struct buf text;
};

static void finish_cue(struct cue *cue, struct captions *ret)
{
    if (!cue->is_open)
        return;
    cue->is_open = false;
    auto_buf untagged = BUF_INIT(SIZE_MAX / 2);
    auto_buf unbraced = BUF_INIT(SIZE_MAX / 2);
    auto_buf plain = BUF_INIT(SIZE_MAX / 2);
    markup_strip(cue->text.data, cue->text.len, is_srt_tag, &untagged);
    braces_strip(untagged.data, untagged.len, &unbraced);
    entities_decode(unbraced.data, unbraced.len, ENTITIES_SRT, &plain);
    captions_add(ret, cue->start_ms, cue->end_ms, plain.data, plain.len);
    buf_clear(&cue->text);
}

static bool is_counter(const char *line, size_t len)
{
    const char *end = line + len, *p = skip_blanks(line, end);
    size_t digits = 0;
    for (; p < end && is_digit(*p); p++)
        digits++;
    return digits > 0 && skip_blanks(p, end) == end;
}

/* A bare number is a counter only when a line with an arrow follows at once. */
static bool is_followed_by_arrow(struct lines rest)
{
    const char *line;
    size_t len;
    return lines_next(&rest, &line, &len) && line_has_arrow(line, len);
}

bool srt_parse(const char *text, size_t len, struct captions *ret, struct err *e)
{
    struct lines in = {text, text + len};
    struct cue cue = {.text = BUF_INIT(SIZE_MAX / 2)};
    const char *line;
    size_t line_len;
    bool any_timing = false;
    while (lines_next(&in, &line, &line_len)) {
        if (line_has_arrow(line, line_len)) {
            finish_cue(&cue, ret);
            cue.is_open = parse_timing(line, line_len, &cue.start_ms, &cue.end_ms);
            any_timing |= cue.is_open;
        } else if (cue.is_open && !(is_counter(line, line_len) && is_followed_by_arrow(in))) {
            text_put(&cue.text, line, line_len);
            text_put(&cue.text, "\n", 1);
        }
    }
    finish_cue(&cue, ret);
    buf_release(&cue.text);
    if (!any_timing && !caption_is_blank(text, len))
        return err_set(e, ERR_INPUT,
                       "not an SRT file: it has no line like 00:00:01,000 --> 00:00:02,000");
    return true;
}
