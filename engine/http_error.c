/* http_error.c: what an error answer means when the service's own rules say nothing, and the sentence in it that a
 * person can use. */
#include "http.h"

#include <ctype.h>
#include <strings.h>

#include "js.h"
#include "url.h"

enum { MAX_MESSAGE = 200, MAX_DELAY_MS = 15 * 60 * 1000 };

/* ---- the message ---- */

/* Some services repeat the key they refuse. Anything that starts like one is not shown. */
static bool looks_secret(const char *word, size_t n)
{
    return (n >= 12 && (strncmp(word, "sk-", 3) == 0 || strncmp(word, "eyJ", 3) == 0)) ||
           (n >= 16 && (strncmp(word, "sb_secret_", 10) == 0 || strncmp(word, "sk_", 3) == 0));
}

/* Links to files are often their own key: what is in their query, or before their host, is left out. */
static bool is_link_with_secrets(const char *word, size_t n)
{
    return memmem(word, n, "://", 3) != NULL &&
           (memchr(word, '?', n) != NULL || memchr(word, '@', n) != NULL);
}

static size_t put_link(const char *word, size_t n, char *out, size_t room)
{
    char url[1024], place[224];
    (void)snprintf(url, sizeof(url), "%.*s", (int)(n < sizeof(url) ? n : sizeof(url) - 1), word);
    url_place(url, place, sizeof(place));
    size_t len = strlen(place) < room ? strlen(place) : room;
    memcpy(out, place, len);
    return len;
}

static bool is_word_end(unsigned char c)
{
    return c <= ' ' || strchr("\"'`,;:()<>", c) != NULL;
}

/* A link may hold what ends a word, as its scheme does. */
static size_t link_length(const char *s)
{
    size_t n = 0;
    while ((unsigned char)s[n] > ' ' && strchr("\"'`<>", s[n]) == NULL)
        n++;
    return n;
}

static size_t utf8_length(const unsigned char *p)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool no_character = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || no_character ? 0 : n;
}

/* One line of valid UTF-8: white space and control bytes fold to one space, broken bytes become '?'. */
static void clean(const char *s, char *out, size_t out_size)
{
    size_t room = out_size < MAX_MESSAGE + 1 ? out_size - 1 : MAX_MESSAGE, len = 0;
    bool at_word_start = true;
    while (*s != '\0' && len < room) {
        unsigned char c = (unsigned char)*s;
        if (at_word_start) {
            size_t word = 0;
            while (s[word] != '\0' && !is_word_end((unsigned char)s[word]))
                word++;
            size_t link = link_length(s);
            if (is_link_with_secrets(s, link)) {
                len += put_link(s, link, out + len, room - len);
                s += link;
                at_word_start = false;
                continue;
            }
            if (looks_secret(s, word)) {
                s += word;
                for (int i = 0; i < 3 && len < room; i++)
                    out[len++] = '*';
                at_word_start = false;
                continue;
            }
        }
        at_word_start = is_word_end(c);
        size_t n = utf8_length((const unsigned char *)s);
        if (c <= ' ' || c == 0x7f) {
            if (len > 0 && out[len - 1] != ' ')
                out[len++] = ' ';
            s++;
        } else if (n == 0) {
            out[len++] = '?';
            s++;
        } else if (len + n <= room) {
            memcpy(out + len, s, n);
            len += n;
            s += n;
        } else {
            break;
        }
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

static const char *first_string(const json_t *array, const char *path)
{
    const json_t *first = json_array_get(array, 0);
    return json_is_string(first) ? json_string_value(first) : js_str(first, path);
}

static const char *message_in_json(const json_t *j)
{
    static const char *const paths[] = {"error.message", "error", "message", "detail"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *s = js_str(j, paths[i]);
        if (s != NULL)
            return s;
    }
    const char *s = first_string(js_get(j, "error.messages"), "message");
    if (s == NULL)
        s = first_string(js_get(j, "errors"), "message");
    if (s == NULL)
        s = first_string(js_get(j, "detail"), "msg");
    return s != NULL ? s : js_str(j, "error_description");
}

/* An HTML page's title says as much as the page. */
static bool title_in_html(const struct http_response *r, char *out, size_t out_size)
{
    const char *open = strcasestr(r->body.data, "<title");
    const char *start = open != NULL ? strchr(open, '>') : NULL;
    const char *end = start != NULL ? strcasestr(start, "</title") : NULL;
    if (end == NULL)
        return false;
    char title[256];
    (void)snprintf(title, sizeof(title), "%.*s",
                   (int)(end - start - 1 < 200 ? end - start - 1 : 200), start + 1);
    clean(title, out, out_size);
    return *out != '\0';
}

static bool looks_like_html(const struct http_response *r)
{
    const char *p = r->body.data;
    while (isspace((unsigned char)*p))
        p++;
    return *p == '<';
}

void http_error_message(const struct http_response *r, char *out, size_t out_size)
{
    out[0] = '\0';
    struct err ignored;
    auto_json *j = r->body.len > 0 ? js_parse(r->body.data, r->body.len, &ignored) : NULL;
    const char *s = j != NULL ? message_in_json(j) : NULL;
    if (s != NULL)
        clean(s, out, out_size);
    else if (looks_like_html(r))
        (void)title_in_html(r, out, out_size); /* without one the status has to do */
    else if (r->body.len > 0)
        clean(r->body.data, out, out_size);
    if (out[0] == '\0')
        (void)snprintf(out, out_size, "HTTP %ld", r->status);
}

/* ---- the class ---- */

static enum err_code class_of(long status)
{
    switch (status) {
    case 401:
    case 402:
    case 403:
    case 407:
        return ERR_STOP_PROVIDER;
    case 408:
    case 409:
    case 425:
        return ERR_RETRY;
    case 429:
        return ERR_RATE_LIMITED;
    case 501:
    case 505:
        return ERR_PERMANENT;
    default:
        if (status >= 500)
            return ERR_RETRY;
        if (status >= 200 && status < 300)
            return ERR_RETRY; /* good status, but the caller could not use what came with it */
        return ERR_PERMANENT;
    }
}

/* x-should-retry is the service's own word, but money, keys and size do not change by waiting. */
static enum err_code overridden(const struct http_response *r, enum err_code code)
{
    if (code == ERR_STOP_PROVIDER || r->status == 413 || r->should_retry < 0)
        return code;
    if (r->should_retry == 0)
        return ERR_PERMANENT;
    return code == ERR_PERMANENT ? ERR_RETRY : code;
}

bool http_status_err(const struct http_response *r, const char *service, struct err *e)
{
    enum err_code code = overridden(r, class_of(r->status));
    if (code == ERR_RETRY && r->status >= 500 && r->retry_after_ms >= 0)
        code = ERR_RATE_LIMITED;
    char message[MAX_MESSAGE + 1], number[16];
    http_error_message(r, message, sizeof(message));
    (void)snprintf(number, sizeof(number), "HTTP %ld", r->status);
    if (r->status >= 200 && r->status < 300)
        err_set(e, code, "%s: unreadable answer", service);
    else if (strcmp(message, number) == 0)
        err_set(e, code, "%s: %s", service, number);
    else
        err_set(e, code, "%s: %s (%s)", service, message, number);
    e->is_outage = code == ERR_RETRY && r->status >= 500;
    if (err_is_retryable(code) && r->retry_after_ms > 0)
        e->retry_after_ms = r->retry_after_ms < MAX_DELAY_MS ? r->retry_after_ms : MAX_DELAY_MS;
    return false;
}
