/* srv.c: YouTube's XML captions. srv1 is <transcript><text start dur> in seconds, srv2 <timedtext><text t d> and
 * srv3 <timedtext><body><p t d><s> in milliseconds. */
#include "caption_format.h"
#include "entities.h"
#include "utf8.h"
#include "xml.h"

/* The last caption of a file without a duration is shown this long. */
enum { LAST_MS = 5000 };

/* A decimal number with at most `decimals` digits after the point counted, as an integer in that unit. False:
 * absent or no number. */
static bool read_number(struct xml_slice s, int decimals, int64_t *ret)
{
    if (s.p == NULL)
        return false;
    const char *p = s.p, *end = s.p + s.len;
    bool negative = false, any = false, in_fraction = false;
    int64_t value = 0;
    while (p < end && *p == ' ')
        p++;
    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    for (; p < end; p++) {
        if (*p == '.' && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            return false;
        any = true;
        if (in_fraction && decimals-- <= 0)
            continue;
        if (value <= CAPTION_MAX_MS)
            value = value * 10 + (*p - '0');
    }
    for (; decimals > 0 && value <= CAPTION_MAX_MS; decimals--)
        value *= 10;
    value = caption_clamp_ms(value);
    *ret = negative ? -value : value;
    return any;
}

static bool is_cue(const struct xml *x, enum caption_format format)
{
    return xml_is(x, "text") || (format == CAPTION_SRV3 && xml_is(x, "p"));
}

/* The text inside one element <text> or <p>, up to its end. Elements in it are of no interest, what is written in
 * them is: srv3 puts every word into an <s>. */
static bool read_body(struct xml *x, enum caption_format format, struct buf *out, struct err *e)
{
    while (xml_next(x, e)) {
        if (x->kind == XML_EOF || (x->kind == XML_END && is_cue(x, format)))
            return true;
        if (x->kind == XML_TEXT)
            entities_decode(x->body.p, x->body.len, ENTITIES_XML, out);
        else if (x->kind == XML_CDATA)
            text_put(out, x->body.p, x->body.len);
        else if (x->kind == XML_START && xml_is(x, "br"))
            text_put(out, "\n", 1);
    }
    return false;
}

/* srv1 texts are HTML inside XML: once the XML references are gone, tags are what looks like one, and a second
 * decoding gives the text. */
static void html_to_text(struct buf *text)
{
    auto_buf untagged = BUF_INIT(SIZE_MAX / 2);
    markup_strip(text->data, text->len, NULL, &untagged);
    buf_clear(text);
    entities_decode(untagged.data, untagged.len, ENTITIES_HTML, text);
}

static void read_times(const struct xml *x, enum caption_format format, int64_t *ret_start,
                       int64_t *ret_end)
{
    bool is_srv1 = format == CAPTION_SRV1;
    int64_t start, duration;
    if (!read_number(xml_attribute(x, is_srv1 ? "start" : "t"), is_srv1 ? 3 : 0, &start))
        start = 0;
    if (!read_number(xml_attribute(x, is_srv1 ? "dur" : "d"), is_srv1 ? 3 : 0, &duration))
        *ret_end = CAPTION_END_UNKNOWN;
    else
        *ret_end = start + duration;
    *ret_start = start;
}

/* x stands at the start of a cue. */
static bool read_cue(struct xml *x, enum caption_format format, struct open_caption *open,
                     struct captions *ret, struct err *e)
{
    if (x->is_empty)
        return true;
    int64_t start, end;
    read_times(x, format, &start, &end);
    int64_t append = 0;
    bool appends =
        format == CAPTION_SRV3 && read_number(xml_attribute(x, "a"), 0, &append) && append != 0;
    auto_buf text = BUF_INIT(SIZE_MAX / 2);
    if (!read_body(x, format, &text, e))
        return false;
    if (format == CAPTION_SRV1)
        html_to_text(&text);
    if (caption_is_blank(text.data, text.len))
        return true; /* most that is appended is the line feed that scrolls the window */
    if (!appends || !open->is_open)
        open_caption_begin(open, ret, start, end);
    else
        text_put(&open->text, "\n", 1);
    text_put(&open->text, text.data, text.len);
    return true;
}

bool srv_sniff(const char *text, size_t len, enum caption_format *ret, struct err *e)
{
    struct xml x = {.p = text, .end = text + len};
    do {
        if (!xml_next(&x, e))
            return false;
    } while (x.kind == XML_TEXT && caption_is_blank(x.body.p, x.body.len));
    if (x.kind != XML_START || (!xml_is(&x, "transcript") && !xml_is(&x, "timedtext")))
        return err_set(e, ERR_INPUT,
                       "not a YouTube caption file: the XML begins with neither "
                       "<transcript> nor <timedtext>");
    *ret = xml_is(&x, "transcript") ? CAPTION_SRV1 : CAPTION_SRV3;
    return true;
}

static bool read_cues(struct xml *x, enum caption_format format, struct open_caption *open,
                      struct captions *ret, struct err *e)
{
    while (xml_next(x, e)) {
        if (x->kind == XML_EOF)
            return true;
        if (x->kind == XML_START && is_cue(x, format) && !read_cue(x, format, open, ret, e))
            return false;
    }
    return false;
}

bool srv_parse(const char *text, size_t len, enum caption_format format, struct captions *ret,
               struct err *e)
{
    enum caption_format found;
    if (!srv_sniff(text, len, &found, e))
        return false;
    if (found != format)
        return err_set(e, ERR_INPUT,
                       "not the expected YouTube caption format: the XML begins with <%s>",
                       found == CAPTION_SRV1 ? "transcript" : "timedtext");
    struct xml x = {.p = text, .end = text + len};
    struct open_caption open = OPEN_CAPTION;
    bool ok = read_cues(&x, format, &open, ret, e);
    if (ok)
        open_caption_flush(&open, ret);
    buf_release(&open.text);
    if (ok)
        captions_fill_ends(ret, LAST_MS);
    return ok;
}
