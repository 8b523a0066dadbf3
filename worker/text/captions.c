/* captions.c: the list of captions: choosing the parser, finishing what it found, and the list as text and JSON.
 *
 * Parsers hand over text nearly as it stands in the file. The finishing, in this order: cut nonsensical times,
 * order by start, fold white space within lines, remove lines that only repeat what the previous caption already
 * showed, join the lines, and for automatic captions cut overlaps. */
#include "captions_normalise.h"

#include "caption_format.h"
#include "js.h"
#include "utf8.h"

enum {
    MAX_BYTES = 32 << 20,   /* of one caption file: a day of speech is about 2 MB */
    ROLLING_GAP_MS = 1000,  /* captions further apart than this are not one rolling window */
    ROLLING_MAX_LINES = 16, /* a caption window has at most 15 rows */
};

/* ---- the list ---- */

static void push(struct captions *c, int64_t start_ms, int64_t end_ms, char *text)
{
    if (c->len == c->cap) {
        size_t cap = c->cap > 0 ? c->cap * 2 : 64;
        struct caption *items = reallocarray(c->items, cap, sizeof(*items));
        if (items == NULL)
            abort(); /* bounded by the size of the file */
        c->items = items;
        c->cap = cap;
    }
    c->items[c->len++] = (struct caption){start_ms, end_ms, text};
}

void captions_release(struct captions *c)
{
    for (size_t i = 0; i < c->len; i++)
        free(c->items[i].text);
    free(c->items);
    *c = (struct captions){0};
}

bool caption_is_blank(const char *text, size_t len)
{
    uint32_t cp;
    for (size_t i = 0; i < len;) {
        i += utf8_decode(text + i, len - i, &cp);
        if (cp == 0 || (!utf8_is_space(cp) && !utf8_is_invisible(cp)))
            return false;
    }
    return true;
}

void captions_add(struct captions *c, int64_t start_ms, int64_t end_ms, const char *text,
                  size_t len)
{
    if (caption_is_blank(text, len))
        return;
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    text_put_valid(&b, text, len);
    push(c, start_ms, end_ms, buf_take(&b));
}

/* ---- for parsers ---- */

int64_t caption_clamp_ms(long long ms)
{
    if (ms < -CAPTION_MAX_MS)
        return -CAPTION_MAX_MS;
    return ms > CAPTION_MAX_MS ? CAPTION_MAX_MS + 1 : ms;
}

int64_t caption_ms_of_seconds(double seconds)
{
    double ms = seconds * 1000;
    if (!(ms > 0)) /* NaN too */
        return 0;
    return ms > (double)CAPTION_MAX_MS ? CAPTION_MAX_MS + 1 : (int64_t)(ms + 0.5);
}

void open_caption_begin(struct open_caption *o, struct captions *c, int64_t start_ms,
                        int64_t end_ms)
{
    open_caption_flush(o, c);
    o->is_open = true;
    o->start_ms = start_ms;
    o->end_ms = end_ms;
}

void open_caption_flush(struct open_caption *o, struct captions *c)
{
    if (o->is_open)
        captions_add(c, o->start_ms, o->end_ms, o->text.data, o->text.len);
    o->is_open = false;
    buf_clear(&o->text);
}

bool lines_next(struct lines *l, const char **ret_line, size_t *ret_len)
{
    if (l->p == l->end)
        return false;
    const char *feed = memchr(l->p, '\n', (size_t)(l->end - l->p));
    *ret_line = l->p;
    *ret_len = (size_t)((feed != NULL ? feed : l->end) - l->p);
    l->p = feed != NULL ? feed + 1 : l->end;
    return true;
}

bool line_has_arrow(const char *line, size_t len)
{
    for (size_t i = 0; i + 3 <= len; i++) {
        if (line[i] == '-' && line[i + 1] == '-' && line[i + 2] == '>')
            return true;
    }
    return false;
}

/* ---- finishing ---- */

struct ordered {
    struct caption caption;
    size_t index;
};

static int by_start(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->caption.start_ms != y->caption.start_ms)
        return x->caption.start_ms < y->caption.start_ms ? -1 : 1;
    return x->index < y->index ? -1 : 1; /* qsort alone is not stable */
}

static bool is_ordered(const struct captions *c)
{
    for (size_t i = 1; i < c->len; i++) {
        if (c->items[i].start_ms < c->items[i - 1].start_ms)
            return false;
    }
    return true;
}

static void order(struct captions *c)
{
    if (is_ordered(c))
        return;
    struct ordered *sorted = reallocarray(NULL, c->len, sizeof(*sorted));
    if (sorted == NULL)
        abort();
    for (size_t i = 0; i < c->len; i++)
        sorted[i] = (struct ordered){c->items[i], i};
    qsort(sorted, c->len, sizeof(*sorted), by_start);
    for (size_t i = 0; i < c->len; i++)
        c->items[i] = sorted[i].caption;
    free(sorted);
}

void captions_fill_ends(struct captions *c, int64_t last_ms)
{
    order(c);
    for (size_t i = 0; i < c->len; i++) {
        struct caption *it = &c->items[i];
        if (it->end_ms == CAPTION_END_UNKNOWN)
            it->end_ms = i + 1 < c->len ? it[1].start_ms : it->start_ms + last_ms;
    }
}

/* Speech that starts out of bounds is dropped; one that only ends there has a broken duration. */
static void clean_times(struct captions *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->len; i++) {
        struct caption it = c->items[i];
        if (it.start_ms > CAPTION_MAX_MS) {
            free(it.text);
            continue;
        }
        if (it.start_ms < 0)
            it.start_ms = 0;
        if (it.end_ms < it.start_ms || it.end_ms > CAPTION_MAX_MS)
            it.end_ms = it.start_ms;
        c->items[kept++] = it;
    }
    c->len = kept;
}

/* Folds white space in place, keeping one LF between lines that hold something. Text never grows by it: every kind
 * of white space becomes one byte. */
static void fold_lines(char *text)
{
    size_t len = strlen(text), out = 0;
    char gap = '\0'; /* what separates the next visible character from the last */
    uint32_t cp;
    for (size_t i = 0, used; i < len; i += used) {
        if (text[i] > ' ' && text[i] < 0x7F && gap == '\0') { /* nearly all */
            text[out++] = text[i];
            used = 1;
            continue;
        }
        used = utf8_decode(text + i, len - i, &cp);
        if (utf8_is_space(cp)) {
            gap = cp == '\n' || gap == '\n' ? '\n' : ' ';
            continue;
        }
        if (utf8_is_invisible(cp))
            continue;
        if (gap != '\0' && out > 0)
            text[out++] = gap;
        gap = '\0';
        memmove(text + out, text + i, used);
        out += used;
    }
    text[out] = '\0';
}

/* How many bytes at the beginning of `text` are lines which the previous caption ended with, the LF after them
 * included. */
static size_t repeated_bytes(const char *previous, const char *text)
{
    size_t prev_len = strlen(previous), len = strlen(text), found = 0;
    const char *from = previous + prev_len;
    for (int lines = 0; lines < ROLLING_MAX_LINES && from > previous; lines++) {
        from--; /* over the LF, or the last byte of a line */
        while (from > previous && from[-1] != '\n')
            from--;
        size_t tail = prev_len - (size_t)(from - previous);
        if (tail > len)
            break;
        if (memcmp(from, text, tail) == 0 && (text[tail] == '\n' || text[tail] == '\0'))
            found = tail + (text[tail] == '\n' ? 1 : 0);
    }
    return found;
}

/* Compares every caption with the whole text of its predecessor, so both passes are needed: nothing may be cut
 * before everything was compared. */
static size_t *find_repeated(const struct captions *c)
{
    size_t *skip = calloc(c->len + 1, sizeof(*skip));
    if (skip == NULL)
        abort();
    for (size_t i = 1; i < c->len; i++) {
        const struct caption *prev = &c->items[i - 1];
        if (c->items[i].start_ms - prev->end_ms < ROLLING_GAP_MS)
            skip[i] = repeated_bytes(prev->text, c->items[i].text);
    }
    return skip;
}

static void drop_repeated(struct captions *c)
{
    auto_free size_t *skip = find_repeated(c);
    size_t kept = 0;
    for (size_t i = 0; i < c->len; i++) {
        struct caption it = c->items[i];
        size_t rest = strlen(it.text) - skip[i];
        if (rest == 0) {
            /* the lines of its predecessor were shown a little longer */
            if (kept > 0 && it.end_ms > c->items[kept - 1].end_ms)
                c->items[kept - 1].end_ms = it.end_ms;
            free(it.text);
            continue;
        }
        memmove(it.text, it.text + skip[i], rest + 1);
        c->items[kept++] = it;
    }
    c->len = kept;
}

static void join_lines(struct captions *c)
{
    for (size_t i = 0; i < c->len; i++) {
        for (char *p = c->items[i].text; (p = strchr(p, '\n')) != NULL;)
            *p = ' ';
    }
}

static void drop_empty(struct captions *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->len; i++) {
        if (c->items[i].text[0] == '\0')
            free(c->items[i].text);
        else
            c->items[kept++] = c->items[i];
    }
    c->len = kept;
}

static void tidy(struct captions *c)
{
    clean_times(c);
    order(c);
    for (size_t i = 0; i < c->len; i++)
        fold_lines(c->items[i].text);
    drop_empty(c);
}

void captions_finish(struct captions *c, bool automatic)
{
    tidy(c);
    drop_repeated(c);
    join_lines(c);
    for (size_t i = 1; automatic && i < c->len; i++) {
        if (c->items[i].start_ms < c->items[i - 1].end_ms)
            c->items[i - 1].end_ms = c->items[i].start_ms;
    }
}

/* ---- parsing ---- */

static size_t skip_blanks(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
        i++;
    return i;
}

/* What every other format begins with; SubRip begins with anything. */
static bool may_be_srt(const char *bytes, size_t len)
{
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        len -= 3;
    }
    if (len >= 6 && memcmp(bytes, "WEBVTT", 6) == 0)
        return false;
    size_t i = skip_blanks(bytes, len);
    return i == len || (bytes[i] != '<' && bytes[i] != '{');
}

static bool sniff(const struct buf *text, enum caption_format *ret, struct err *e)
{
    size_t i = skip_blanks(text->data, text->len);
    if (i == text->len)
        return err_set(e, ERR_INPUT, "the caption file is empty");
    if (may_be_srt(text->data, text->len)) {
        *ret = CAPTION_SRT;
        return true;
    }
    if (text->data[i] == '<')
        return srv_sniff(text->data, text->len, ret, e);
    if (text->data[i] == '{')
        *ret = phrases_sniff(text->data) ? CAPTION_PHRASES : CAPTION_JSON3;
    else
        *ret = CAPTION_VTT;
    return true;
}

static bool parse_text(const struct buf *text, enum caption_format format, struct captions *ret,
                       struct err *e)
{
    if (format == CAPTION_SNIFF && !sniff(text, &format, e))
        return false;
    switch (format) {
    case CAPTION_VTT:
        return vtt_parse(text->data, text->len, ret, e);
    case CAPTION_SRT:
        return srt_parse(text->data, text->len, ret, e);
    case CAPTION_SRV1:
    case CAPTION_SRV3:
        return srv_parse(text->data, text->len, format, ret, e);
    case CAPTION_JSON3:
        return json3_parse(text->data, ret, e);
    case CAPTION_PHRASES:
        return phrases_parse(text->data, ret, e);
    case CAPTION_SNIFF:
        break;
    }
    return err_set(e, ERR_BUG, "caption format %d does not exist", (int)format);
}

bool captions_parse(const char *bytes, size_t len, enum caption_format format, bool automatic,
                    struct captions *ret, struct err *e)
{
    if (len > MAX_BYTES)
        return err_set(e, ERR_INPUT, "a caption file of %zu bytes is larger than the limit of %d",
                       len, MAX_BYTES);
    auto_buf text = BUF_INIT(SIZE_MAX / 2);
    text_put_file(&text, bytes, len,
                  format == CAPTION_SRT || (format == CAPTION_SNIFF && may_be_srt(bytes, len)));
    struct captions found = {0};
    if (!parse_text(&text, format, &found, e)) {
        captions_release(&found);
        return false;
    }
    captions_finish(&found, automatic);
    *ret = found;
    return true;
}

/* ---- as text and JSON ---- */

char *captions_text(const struct captions *c)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < c->len; i++) {
        text_put(&b, " ", i > 0 ? 1 : 0);
        text_put(&b, c->items[i].text, strlen(c->items[i].text));
    }
    return buf_take(&b);
}

json_t *captions_to_json(const struct captions *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->len; i++) {
        const struct caption *it = &c->items[i];
        json_t *item =
            js_pack("[I,I,s]", (json_int_t)it->start_ms, (json_int_t)it->end_ms, it->text);
        if (list == NULL || item == NULL || json_array_append_new(list, item) != 0)
            abort(); /* texts are valid UTF-8: only memory can fail */
    }
    return list;
}

static void add_from_json(struct captions *c, const json_t *item)
{
    const json_t *start = json_array_get(item, 0), *end = json_array_get(item, 1);
    const json_t *text = json_array_get(item, 2);
    if (!json_is_number(start) || !json_is_number(end) || !json_is_string(text))
        return;
    captions_add(c, caption_ms_of_seconds(json_number_value(start) / 1000),
                 caption_ms_of_seconds(json_number_value(end) / 1000), json_string_value(text),
                 json_string_length(text));
}

bool captions_from_json(const json_t *j, struct captions *ret, struct err *e)
{
    if (!json_is_array(j))
        return err_set(e, ERR_INPUT, "stored captions are not a JSON array");
    struct captions found = {0};
    size_t i;
    json_t *item;
    json_array_foreach (j, i, item) {
        add_from_json(&found, item);
    }
    /* they were finished before they were stored: only the shape is made sure of */
    tidy(&found);
    join_lines(&found);
    *ret = found;
    return true;
}
