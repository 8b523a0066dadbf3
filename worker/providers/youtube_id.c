/* youtube_id.c: the video id out of whatever a person pastes. Pure code.
 *
 * An id is exactly 11 characters of [0-9A-Za-z_-]. A link is taken apart into host, path and parameters; the host
 * decides first, so that another site's link which merely mentions YouTube is refused. */
#include "provider.h"

#include <ctype.h>
#include <strings.h>

enum { ID_LENGTH = 11, MAX_INPUT = 4096 };

static bool is_id_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool take_id(const char *s, char *ret_id)
{
    size_t n = 0;
    while (n <= ID_LENGTH && is_id_char(s[n]))
        n++;
    if (n != ID_LENGTH)
        return false;
    memcpy(ret_id, s, ID_LENGTH);
    ret_id[ID_LENGTH] = '\0';
    return true;
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* In place; a '%' that is no escape stays. */
static void percent_decode(char *s)
{
    char *out = s;
    while (*s != '\0') {
        if (s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            int c = hex(s[1]) << 4 | hex(s[2]);
            *out++ = (char)(c != 0 ? c : '?');
            s += 3;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

static bool has_suffix(const char *host, const char *suffix)
{
    size_t n = strlen(host), m = strlen(suffix);
    return n >= m && strcasecmp(host + n - m, suffix) == 0 && (n == m || host[n - m - 1] == '.');
}

static bool is_youtube_host(const char *host)
{
    static const char *const hosts[] = {"youtube.com", "youtube-nocookie.com", "youtubekids.com",
                                        "youtube.googleapis.com"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (has_suffix(host, hosts[i]))
            return true;
    return false;
}

/* Finds `name` among "a=b&c=d" and copies its raw value. */
static bool get_param(const char *query, const char *name, char *out, size_t out_size)
{
    size_t len = strlen(name);
    while (*query != '\0') {
        size_t n = strcspn(query, "&#;");
        if (n > len && strncmp(query, name, len) == 0 && query[len] == '=') {
            size_t m = n - len - 1;
            if (m >= out_size)
                return false;
            memcpy(out, query + len + 1, m);
            out[m] = '\0';
            return true;
        }
        query += n;
        if (*query != '\0')
            query++;
    }
    return false;
}

static bool id_in_params(const char *query, char *ret_id)
{
    char value[64];
    return get_param(query, "v", value, sizeof(value)) && take_id(value, ret_id) &&
           value[ID_LENGTH] == '\0';
}

static bool id_in_path(const char *path, char *ret_id)
{
    static const char *const folders[] = {"embed/", "v/", "e/", "shorts/", "live/", "watch/"};
    static const char *const not_ids[] = {"videoseries", "live_stream"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) != 0 || !take_id(path + n, ret_id))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(not_ids); k++)
            if (strcmp(ret_id, not_ids[k]) == 0)
                return false;
        return true;
    }
    return false;
}

static bool takes_v_param(const char *path)
{
    size_t n = strcspn(path, "?#");
    if (n > 0 && path[n - 1] == '/')
        n--;
    return n == 0 || (n == 5 && (strncmp(path, "watch", n) == 0 || strncmp(path, "movie", n) == 0));
}

static bool id_in_link(char *link, int depth, char *ret_id);

/* attribution_link?u=… and the consent page's continue=… hold the real link, encoded. */
static bool id_in_wrapped(const char *host, const char *path, const char *params, int depth,
                          char *ret_id)
{
    bool attribution = strncmp(path, "attribution_link", 16) == 0;
    bool consent = has_suffix(host, "consent.youtube.com");
    char inner[MAX_INPUT];
    if (depth > 0 || !(attribution || consent) ||
        !get_param(params, attribution ? "u" : "continue", inner, sizeof(inner)))
        return false;
    percent_decode(inner);
    if (inner[0] != '/')
        return id_in_link(inner, depth + 1, ret_id);
    char link[MAX_INPUT + 32];
    (void)snprintf(link, sizeof(link), "https://www.youtube.com%s", inner);
    return id_in_link(link, depth + 1, ret_id);
}

static const char *after_scheme(const char *link)
{
    if (strncasecmp(link, "https:", 6) == 0)
        link += 6;
    else if (strncasecmp(link, "http:", 5) == 0)
        link += 5;
    return strncmp(link, "//", 2) == 0 ? link + 2 : link;
}

static bool id_in_link(char *link, int depth, char *ret_id)
{
    char host[256];
    const char *p = after_scheme(link);
    size_t n = strcspn(p, "/?#");
    if (n == 0 || n >= sizeof(host) || memchr(p, '@', n) != NULL)
        return false;
    memcpy(host, p, n);
    host[n] = '\0';
    host[strcspn(host, ":")] = '\0';
    const char *path = p + n + (p[n] == '/' ? 1 : 0);
    const char *params = path + strcspn(path, "?#");
    if (has_suffix(host, "youtu.be"))
        return take_id(path, ret_id);
    if (!is_youtube_host(host))
        return false;
    if (id_in_path(path, ret_id))
        return true;
    params += strspn(params, "?#!");
    /* "#!v=…" and "#/watch?v=…": old links carry their parameters in the fragment */
    if (takes_v_param(path) && id_in_params(params, ret_id))
        return true;
    const char *late = strchr(params, '?');
    if (takes_v_param(path) && late != NULL && id_in_params(late + 1, ret_id))
        return true;
    return id_in_wrapped(host, path, params, depth, ret_id);
}

/* "&amp;" becomes "&", surrounding white space goes. */
static bool tidy(const char *input, char *out, size_t out_size)
{
    while (isspace((unsigned char)*input))
        input++;
    size_t n = 0;
    while (*input != '\0') {
        if (n + 1 >= out_size)
            return false;
        out[n++] = *input;
        input += strncasecmp(input, "&amp;", 5) == 0 ? 5 : 1;
    }
    while (n > 0 && isspace((unsigned char)out[n - 1]))
        n--;
    out[n] = '\0';
    return true;
}

bool youtube_video_id(const char *input, char *ret_id)
{
    char link[MAX_INPUT] = "", id[ID_LENGTH + 1] = "";
    if (input == NULL || !tidy(input, link, sizeof(link)))
        return false;
    bool found = (take_id(link, id) && link[ID_LENGTH] == '\0') || id_in_link(link, 0, id);
    if (found)
        memcpy(ret_id, id, sizeof(id));
    return found;
}
