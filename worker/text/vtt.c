/* vtt.c: WebVTT, by the parser rules of the W3C: errors are stepped over, only the signature can fail the file. */
#include "caption_format.h"
#include "entities.h"
#include "utf8.h"

struct scan {
    const char *p, *end;
};

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\f'))
        s->p++;
}

static bool take_char(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

/* Digits at s, at least one; hours may have any number of them. */
static size_t take_digits(struct scan *s, int64_t *ret)
{
    size_t n = 0;
    int64_t value = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, n++) {
        if (value < CAPTION_MAX_MS)
            value = value * 10 + (*s->p - '0');
    }
    *ret = value;
    return n;
}

/* [hours:]mm:ss.ttt */
static bool take_time(struct scan *s, int64_t *ret_ms)
{
    int64_t hours = 0, minutes, seconds, ms;
    size_t digits = take_digits(s, &minutes);
    bool has_hours = digits != 2 || minutes > 59;
    if (digits == 0 || !take_char(s, ':') || take_digits(s, &seconds) != 2)
        return false;
    if (has_hours || (s->p < s->end && *s->p == ':')) {
        hours = minutes;
        minutes = seconds;
        if (!take_char(s, ':') || take_digits(s, &seconds) != 2)
            return false;
    }
    if (!take_char(s, '.') || take_digits(s, &ms) != 3 || minutes > 59 || seconds > 59)
        return false;
    *ret_ms =
        hours > 24 * 7 ? CAPTION_MAX_MS + 1 : ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
    return true;
}

static bool parse_timing(const char *line, size_t len, int64_t *ret_start, int64_t *ret_end)
{
    struct scan s = {line, line + len};
    skip_blanks(&s);
    if (!take_time(&s, ret_start))
        return false;
    skip_blanks(&s);
    if (!take_char(&s, '-') || !take_char(&s, '-') || !take_char(&s, '>'))
        return false;
    skip_blanks(&s);
    return take_time(&s, ret_end); /* settings may follow */
}

/* ---- cue text ----
 *
 * Of the tags only one thing matters for plain text: whether we are inside the reading of a ruby annotation, which is
 * said once already by the base text. Which tag is open there is decided as the standard does it, by a stack: an end
 * tag closes nothing but the innermost tag, and <rt> is one only directly inside <ruby>. */
enum tag {
    TAG_OTHER, /* opens nothing: an unknown name, a timestamp */
    TAG_C,
    TAG_I,
    TAG_B,
    TAG_U,
    TAG_V,
    TAG_LANG,
    TAG_RUBY,
    TAG_RT,
};

struct open_tags {
    struct buf stack; /* one byte each, the innermost last */
    size_t readings;  /* how many of them are TAG_RT */
};

static enum tag tag_named(const char *name, size_t len)
{
    static const char *const names[] = {
        [TAG_C] = "c", [TAG_I] = "i",       [TAG_B] = "b",       [TAG_U] = "u",
        [TAG_V] = "v", [TAG_LANG] = "lang", [TAG_RUBY] = "ruby", [TAG_RT] = "rt",
    };
    for (enum tag t = TAG_C; t <= TAG_RT; t++) {
        if (strlen(names[t]) == len && memcmp(names[t], name, len) == 0)
            return t;
    }
    return TAG_OTHER;
}

static enum tag innermost(const struct open_tags *o)
{
    return o->stack.len > 0 ? (enum tag)o->stack.data[o->stack.len - 1] : TAG_OTHER;
}

static void open_tag(struct open_tags *o, enum tag t)
{
    if (t == TAG_OTHER || (t == TAG_RT && innermost(o) != TAG_RUBY))
        return;
    o->readings += t == TAG_RT;
    text_put(&o->stack, &(char){(char)t}, 1);
}

static void close_tag(struct open_tags *o, enum tag t)
{
    enum tag current = innermost(o);
    size_t closed = 0;
    if (t != TAG_OTHER && t == current)
        closed = 1;
    else if (t == TAG_RUBY && current == TAG_RT)
        closed = 2;
    o->readings -= closed > 0 && current == TAG_RT;
    buf_truncate(&o->stack, o->stack.len - closed);
}

/* What stands between < and >. Classes and an annotation may follow the name of a start tag, and nothing the one of
 * an end tag. */
static void see_tag(struct open_tags *o, const char *tag, size_t len)
{
    if (len > 0 && *tag == '/') {
        close_tag(o, tag_named(tag + 1, len - 1));
        return;
    }
    size_t n = 0;
    while (n < len && memchr(" \t\n\f.", tag[n], 5) == NULL)
        n++;
    open_tag(o, tag_named(tag, n));
}

/* One pass, so that a decoded &lt; never begins a tag. */
static void plain_text(const char *p, size_t len, struct open_tags *open, struct buf *out)
{
    const char *end = p + len;
    buf_clear(&open->stack);
    open->readings = 0;
    while (p < end) {
        if (*p == '<') {
            const char *close = memchr(p, '>', (size_t)(end - p));
            if (close == NULL)
                return; /* an open tag swallows the rest of the cue */
            see_tag(open, p + 1, (size_t)(close - p - 1));
            p = close + 1;
            continue;
        }
        size_t before = out->len, used = 0;
        if (*p == '&')
            used = entity_at(p, (size_t)(end - p), ENTITIES_HTML, out);
        if (used == 0) {
            used = 1;
            while (p + used < end && p[used] != '<' && p[used] != '&')
                used++;
            text_put(out, p, used);
        }
        if (open->readings > 0)
            buf_truncate(out, before);
        p += used;
    }
}

/* ---- blocks ---- */

struct cue {
    int64_t start_ms, end_ms;
    const char *text; /* from the first text line to the end of the last */
    size_t len;
};

/* Reads one block, from its first line up to a blank line, or up to an arrow that begins the next block. False
 * when it holds no valid cue (a note, a style sheet, a broken timing line). */
static bool take_block(struct lines *in, struct cue *ret)
{
    bool seen_arrow = false, is_cue = false;
    const char *line;
    size_t len;
    for (int count = 1;; count++) {
        struct lines before = *in;
        if (!lines_next(in, &line, &len) || len == 0)
            return is_cue;
        if (!line_has_arrow(line, len)) {
            if (ret->text == NULL)
                ret->text = line;
            ret->len = (size_t)(line + len - ret->text);
            continue;
        }
        if (count > 2 || seen_arrow) {
            *in = before;
            return is_cue;
        }
        seen_arrow = true;
        is_cue = parse_timing(line, len, &ret->start_ms, &ret->end_ms);
        ret->text = NULL; /* what came before was the cue's id */
        ret->len = 0;
    }
}

/* The lines after the signature up to a blank one; an arrow ends them too, and is left for the first block. */
static void skip_header(struct lines *in)
{
    const char *line;
    size_t len;
    for (struct lines before = *in; lines_next(in, &line, &len) && len > 0; before = *in) {
        if (line_has_arrow(line, len)) {
            *in = before;
            return;
        }
    }
}

bool vtt_parse(const char *text, size_t len, struct captions *ret, struct err *e)
{
    if (len < 6 || memcmp(text, "WEBVTT", 6) != 0 ||
        (len > 6 && text[6] != ' ' && text[6] != '\t' && text[6] != '\n'))
        return err_set(e, ERR_INPUT, "not a WebVTT file: it does not begin with WEBVTT");
    struct lines in = {text, text + len};
    const char *line;
    size_t line_len;
    (void)lines_next(&in, &line, &line_len); /* the signature, seen above */
    skip_header(&in);
    auto_buf plain = BUF_INIT(SIZE_MAX / 2);
    struct open_tags open = {.stack = BUF_INIT(SIZE_MAX / 2)};
    while (in.p < in.end) {
        struct cue cue = {0};
        if (!take_block(&in, &cue) || cue.text == NULL)
            continue;
        buf_clear(&plain);
        plain_text(cue.text, cue.len, &open, &plain);
        captions_add(ret, cue.start_ms, cue.end_ms, plain.data, plain.len);
    }
    buf_release(&open.stack);
    return true;
}
