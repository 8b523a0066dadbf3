#include "youtube_clients.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "js.h"

#define DESKTOP_BROWSER                                                                            \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "            \
    "Chrome/149.0.0.0 Safari/537.36"
#define SAFARI                                                                                     \
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_7_3) AppleWebKit/605.1.15 (KHTML, like Gecko) "     \
    "Version/26.0 Safari/605.1.15"

enum { MAX_FILE_BYTES = 256 << 10 };

/* What is asked when nothing else is configured, in this order. */
static const struct youtube_client built_in[] = {
    {
        .name = "ANDROID",
        .number = "3",
        .version = "21.26.364",
        .user_agent = "com.google.android.youtube/21.26.364 (Linux; U; Android 11) gzip",
        .context = "{\"androidSdkVersion\":30,\"osName\":\"Android\",\"osVersion\":\"11\"}",
        .is_android = true,
    },
    {
        .name = "IOS",
        .number = "5",
        .version = "21.26.4",
        .user_agent =
            "com.google.ios.youtube/21.26.4 (iPhone16,2; U; CPU iOS 18_3_2 like Mac OS X;)",
        .context = "{\"deviceMake\":\"Apple\",\"deviceModel\":\"iPhone16,2\",\"osName\":\"iPhone\","
                   "\"osVersion\":\"18.3.2.22D82\"}",
    },
    {
        .name = "VISIONOS",
        .number = "101",
        .version = "1.02",
        .user_agent = SAFARI,
        .context = "{\"deviceMake\":\"Apple\",\"deviceModel\":\"RealityDevice17,1\","
                   "\"osName\":\"visionOS\",\"osVersion\":\"26.5.23O471\"}",
    },
    {
        .name = "WEB",
        .number = "1",
        .version = "2.20260708.00.00",
        .user_agent = DESKTOP_BROWSER,
        .context = "{}",
    },
    {
        .name = "WEB_EMBEDDED_PLAYER",
        .number = "56",
        .version = "2.20260708.00.00",
        .user_agent = DESKTOP_BROWSER,
        .context = "{}",
        .is_embedded = true,
    },
};

static struct youtube_client loaded[YOUTUBE_MAX_CLIENTS]; /* its strings live as long as we do */
static size_t loaded_count;

const struct youtube_client *youtube_clients(size_t *ret_n)
{
    *ret_n = loaded_count > 0 ? loaded_count : ARRAY_LEN(built_in);
    return loaded_count > 0 ? loaded : built_in;
}

static const struct youtube_client *find_built_in(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
        if (strlen(built_in[i].name) == n && strncmp(built_in[i].name, name, n) == 0)
            return &built_in[i];
    return NULL;
}

/* ---- "IOS,WEB" ---- */

static bool load_names(const char *list, struct err *e)
{
    size_t count = 0;
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");
        const char *name = p, *end = p + n;
        p = *end == ',' ? end + 1 : end;
        while (name < end && isspace((unsigned char)*name))
            name++;
        while (end > name && isspace((unsigned char)end[-1]))
            end--;
        const struct youtube_client *c = find_built_in(name, (size_t)(end - name));
        if (c == NULL)
            return err_set(e, ERR_INPUT,
                           "CHRONOS_YOUTUBE_CLIENTS: '%.*s' is no known client: known are ANDROID, "
                           "IOS, VISIONOS, WEB and WEB_EMBEDDED_PLAYER; others are described in a "
                           "file, whose path is then the setting",
                           (int)(end - name < 40 ? end - name : 40), name);
        if (count == YOUTUBE_MAX_CLIENTS)
            return err_set(e, ERR_INPUT, "CHRONOS_YOUTUBE_CLIENTS: more than %d clients",
                           YOUTUBE_MAX_CLIENTS);
        loaded[count++] = *c;
    }
    loaded_count = count;
    return true;
}

/* ---- a file ---- */

static bool read_file(const char *path, struct buf *ret, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_set(e, ERR_INPUT, "CHRONOS_YOUTUBE_CLIENTS: cannot read %.200s: %s", path,
                       strerror(errno));
    char piece[4096];
    size_t n;
    bool fits = true;
    while (fits && (n = fread(piece, 1, sizeof(piece), f)) > 0)
        fits = buf_add(ret, piece, n);
    bool failed = ferror(f) != 0;
    (void)fclose(f); /* only read from */
    if (!fits || failed)
        return err_set(e, ERR_INPUT, "CHRONOS_YOUTUBE_CLIENTS: %.200s is %s", path,
                       failed ? "not readable" : "too large");
    return true;
}

/* A header must not hold control bytes, whoever wrote the file. */
static bool is_plain(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

/* The member as a text of our own, or `otherwise`; NULL when it is missing or of the wrong kind. */
static const char *text_member(const json_t *j, const char *name, const char *otherwise)
{
    const json_t *v = json_object_get(j, name);
    if (v == NULL)
        return otherwise;
    if (json_is_integer(v)) { /* "number": 3 */
        char *s;
        if (asprintf(&s, "%lld", (long long)json_integer_value(v)) < 0)
            abort();
        return s;
    }
    const char *s = json_string_value(v);
    if (s == NULL || *s == '\0' || !is_plain(s))
        return NULL;
    char *copy = strdup(s);
    if (copy == NULL)
        abort();
    return copy;
}

static bool load_entry(const json_t *j, size_t i, struct youtube_client *ret, struct err *e)
{
    const char *name = text_member(j, "name", NULL);
    if (name == NULL)
        return err_set(e, ERR_INPUT, "CHRONOS_YOUTUBE_CLIENTS: client %zu has no name", i + 1);
    const struct youtube_client *base = find_built_in(name, strlen(name));
    struct youtube_client c = base != NULL ? *base : (struct youtube_client){.context = "{}"};
    c.name = name;
    const struct {
        const char *name;
        const char **field;
    } members[] = {{"number", &c.number}, {"version", &c.version}, {"userAgent", &c.user_agent}};
    for (size_t k = 0; k < ARRAY_LEN(members); k++) {
        *members[k].field = text_member(j, members[k].name, *members[k].field);
        if (*members[k].field == NULL)
            return err_set(e, ERR_INPUT,
                           "CHRONOS_YOUTUBE_CLIENTS: client %zu (%.40s): %s is missing or no text",
                           i + 1, name, members[k].name);
    }
    const json_t *context = json_object_get(j, "context");
    if (context != NULL && !json_is_object(context))
        return err_set(e, ERR_INPUT,
                       "CHRONOS_YOUTUBE_CLIENTS: client %zu (%.40s): context is no object", i + 1,
                       name);
    if (context != NULL)
        c.context = js_dump(context, NULL);
    c.is_android = strncmp(name, "ANDROID", 7) == 0;
    c.is_embedded = js_bool(j, "embedded", c.is_embedded);
    *ret = c;
    return true;
}

static bool load_json(const char *path, const json_t *list, struct err *e)
{
    size_t n = json_array_size(list), i;
    if (n == 0 || n > YOUTUBE_MAX_CLIENTS)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_YOUTUBE_CLIENTS: %.200s must hold an array of 1 to %d clients",
                       path, YOUTUBE_MAX_CLIENTS);
    const json_t *entry;
    json_array_foreach (list, i, entry) {
        if (!load_entry(entry, i, &loaded[i], e))
            return false;
    }
    loaded_count = n;
    return true;
}

static bool load_file(const char *path, struct err *e)
{
    auto_buf text = BUF_INIT(MAX_FILE_BYTES);
    struct err why;
    if (!read_file(path, &text, e))
        return false;
    auto_json *list = text.len > 0 ? js_parse(text.data, text.len, &why) : NULL;
    if (list == NULL)
        return err_set(e, ERR_INPUT, "CHRONOS_YOUTUBE_CLIENTS: %.200s is not JSON", path);
    return load_json(path, list, e);
}

bool youtube_clients_load(const char *setting, struct err *e)
{
    loaded_count = 0;
    if (*setting == '\0')
        return true;
    bool ok = strchr(setting, '/') != NULL ? load_file(setting, e) : load_names(setting, e);
    bool asks_somebody = false;
    for (size_t i = 0; ok && i < loaded_count; i++)
        asks_somebody |= !loaded[i].is_embedded;
    if (ok && !asks_somebody)
        ok = err_set(e, ERR_INPUT,
                     "CHRONOS_YOUTUBE_CLIENTS: none of the clients is asked first; name one that "
                     "is not an embedded player");
    if (!ok)
        loaded_count = 0;
    return ok;
}
