#include "xml.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (unsigned char)c >= 0x80;
}

static bool has_prefix(const struct xml *x, const char *prefix)
{
    size_t n = strlen(prefix);
    return (size_t)(x->end - x->p) >= n && memcmp(x->p, prefix, n) == 0;
}

/* Steps over `open`…`close` and gives what is between; an unclosed one reaches to the end. */
static struct xml_slice take_until(struct xml *x, const char *open, const char *close)
{
    const char *body = x->p + strlen(open);
    const char *stop = memmem(body, (size_t)(x->end - body), close, strlen(close));
    x->p = stop != NULL ? stop + strlen(close) : x->end;
    return (struct xml_slice){body, (size_t)((stop != NULL ? stop : x->end) - body)};
}

/* The '>' of the tag that begins at p, not one in a quoted value. NULL: there is none. */
static const char *tag_end(const char *p, const char *end)
{
    char quote = '\0';
    for (; p < end; p++) {
        if (quote != '\0') {
            if (*p == quote)
                quote = '\0';
        } else if (*p == '"' || *p == '\'') {
            quote = *p;
        } else if (*p == '>') {
            return p;
        }
    }
    return NULL;
}

static void take_tag(struct xml *x)
{
    const char *close = tag_end(x->p, x->end);
    if (close == NULL) {
        x->p = x->end;
        x->kind = XML_EOF;
        return;
    }
    const char *p = x->p + 1;
    x->kind = *p == '/' ? XML_END : XML_START;
    if (x->kind == XML_END)
        p++;
    x->name.p = p;
    while (p < close && !is_space(*p) && *p != '/')
        p++;
    x->name.len = (size_t)(p - x->name.p);
    x->is_empty = x->kind == XML_START && close[-1] == '/';
    x->attributes = (struct xml_slice){p, (size_t)(close - p)};
    x->p = close + 1;
}

static bool begins_tag(const struct xml *x)
{
    size_t left = (size_t)(x->end - x->p);
    if (left < 2 || x->p[0] != '<')
        return false;
    return begins_name(x->p[1]) || (x->p[1] == '/' && left > 2 && begins_name(x->p[2]));
}

static void take_text(struct xml *x)
{
    const char *from = x->p;
    do { /* the first byte may be a '<' that begins nothing */
        const char *open = memchr(x->p + 1, '<', (size_t)(x->end - x->p - 1));
        x->p = open != NULL ? open : x->end;
    } while (x->p < x->end && !begins_tag(x) && !has_prefix(x, "<!") && !has_prefix(x, "<?"));
    x->kind = XML_TEXT;
    x->body = (struct xml_slice){from, (size_t)(x->p - from)};
}

bool xml_next(struct xml *x, struct err *e)
{
    while (x->p < x->end) {
        if (has_prefix(x, "<!--")) {
            (void)take_until(x, "<!--", "-->"); /* comments say nothing */
        } else if (has_prefix(x, "<?")) {
            (void)take_until(x, "<?", "?>"); /* nor do processing instructions, to us */
        } else if (has_prefix(x, "<![CDATA[")) {
            x->kind = XML_CDATA;
            x->body = take_until(x, "<![CDATA[", "]]>");
            return true;
        } else if (has_prefix(x, "<!")) {
            return err_set(e, ERR_INPUT,
                           "XML with a document type or entity declaration is refused");
        } else if (begins_tag(x)) {
            take_tag(x);
            return true;
        } else {
            take_text(x);
            return true;
        }
    }
    x->kind = XML_EOF;
    return true;
}

bool xml_is(const struct xml *x, const char *name)
{
    return x->name.len == strlen(name) && memcmp(x->name.p, name, x->name.len) == 0;
}

struct xml_slice xml_attribute(const struct xml *x, const char *name)
{
    const char *p = x->attributes.p, *end = p + x->attributes.len;
    size_t want = strlen(name);
    while (p < end) {
        while (p < end && (is_space(*p) || *p == '/'))
            p++;
        const char *key = p;
        while (p < end && *p != '=' && !is_space(*p))
            p++;
        size_t key_len = (size_t)(p - key);
        while (p < end && is_space(*p))
            p++;
        if (p == end || *p != '=')
            continue; /* a bare word; the next turn begins behind it */
        p++;
        while (p < end && is_space(*p))
            p++;
        if (p == end || (*p != '"' && *p != '\''))
            continue; /* an unquoted value reads as a bare word */
        const char *value = p + 1;
        const char *close = memchr(value, *p, (size_t)(end - value));
        if (close == NULL)
            break;
        if (key_len == want && memcmp(key, name, want) == 0)
            return (struct xml_slice){value, (size_t)(close - value)};
        p = close + 1;
    }
    return (struct xml_slice){NULL, 0};
}
