#include "playlist.h"

#include <stdio.h>
#include <string.h>

#include "language.h"

enum { MAX_RENDITIONS = 64 };

bool playlist_is_one(const char *text)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    return strncmp(text, "#EXTM3U", 7) == 0;
}

static size_t line_length(const char *line)
{
    return strcspn(line, "\r\n");
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return line + strspn(line, "\r\n");
}

/* An attribute of a line, without its quotes, into out: `NAME="value"` or `NAME=value`, between commas outside
 * quotes. */
static bool attribute(const char *p, const char *end, const char *name, char *out, size_t out_size)
{
    size_t len = strlen(name);
    while (p < end) {
        const char *value = memchr(p, '=', (size_t)(end - p));
        if (value == NULL)
            return false;
        bool found = (size_t)(value - p) == len && strncmp(p, name, len) == 0;
        const char *from = value + 1, *to = from;
        bool quoted = from < end && *from == '"';
        if (quoted) {
            from++;
            to = memchr(from, '"', (size_t)(end - from));
            if (to == NULL)
                return false;
        } else {
            while (to < end && *to != ',')
                to++;
        }
        if (found) {
            if (to == from || (size_t)(to - from) >= out_size)
                return false;
            memcpy(out, from, (size_t)(to - from));
            out[to - from] = '\0';
            return true;
        }
        p = to + (quoted ? 1 : 0);
        while (p < end && *p != ',')
            p++;
        p += p < end ? 1 : 0;
    }
    return false;
}

bool playlist_subtitles(const char *text, const char *language, char *uri, size_t uri_size,
                        char *ret_language, size_t language_size)
{
    static const char media[] = "#EXT-X-MEDIA:";
    const char *lines[MAX_RENDITIONS];
    struct track tracks[MAX_RENDITIONS] = {0};
    char codes[MAX_RENDITIONS][16], value[32];
    size_t n = 0;
    for (const char *line = text; *line != '\0' && n < MAX_RENDITIONS; line = next_line(line)) {
        const char *end = line + line_length(line), *p = line + sizeof(media) - 1;
        if (strncmp(line, media, sizeof(media) - 1) != 0 ||
            !attribute(p, end, "TYPE", value, sizeof(value)) || strcmp(value, "SUBTITLES") != 0 ||
            !attribute(p, end, "URI", uri, uri_size))
            continue;
        if (!attribute(p, end, "LANGUAGE", codes[n], sizeof(codes[n])))
            codes[n][0] = '\0';
        bool is_default =
            attribute(p, end, "DEFAULT", value, sizeof(value)) && strcmp(value, "YES") == 0;
        bool forced =
            attribute(p, end, "FORCED", value, sizeof(value)) && strcmp(value, "YES") == 0;
        lines[n] = line;
        tracks[n] =
            (struct track){.language = codes[n], .forced = forced, .is_default = is_default};
        n++;
    }
    size_t best = track_choose(tracks, n, language);
    if (best >= n)
        return false;
    (void)snprintf(ret_language, language_size, "%s", codes[best]);
    const char *line = lines[best];
    return attribute(line + sizeof(media) - 1, line + line_length(line), "URI", uri, uri_size);
}

bool playlist_next_piece(const char *text, size_t *pos, char *uri, size_t uri_size)
{
    const char *line = text + *pos;
    while (*line != '\0') {
        size_t n = line_length(line);
        const char *following = next_line(line);
        if (n > 0 && line[0] != '#' && n < uri_size) {
            memcpy(uri, line, n);
            uri[n] = '\0';
            *pos = (size_t)(following - text);
            return true;
        }
        line = following;
    }
    *pos = (size_t)(line - text);
    return false;
}

/* How much of `base` stays in front of a relative uri. */
static size_t kept_of(const char *base, const char *authority, const char *uri)
{
    size_t host = (size_t)(authority + 3 - base) + strcspn(authority + 3, "/?#");
    if (uri[0] == '/' && uri[1] == '/') /* another host by the same scheme */
        return (size_t)(authority + 1 - base);
    if (uri[0] == '/')
        return host;
    size_t folder = host + strcspn(base + host, "?#");
    while (folder > host && base[folder - 1] != '/')
        folder--;
    return folder;
}

bool playlist_resolve(const char *base, const char *uri, char *out, size_t out_size)
{
    const char *authority = strstr(base, "://");
    bool absolute = strstr(uri, "://") != NULL || authority == NULL;
    size_t kept = absolute ? 0 : kept_of(base, authority, uri);
    const char *slash = kept > 0 && base[kept - 1] != '/' && uri[0] != '/' ? "/" : "";
    int n = snprintf(out, out_size, "%.*s%s%s", (int)kept, base, slash, uri);
    return n >= 0 && (size_t)n < out_size;
}
