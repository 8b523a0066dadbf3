#include "secrets.h"

#include <libpq-fe.h>
#include <string.h>

#include "buf.h"
#include "log.h"

/* Where user and password stand: from *ret_at to before the last '@' of the authority. NULL when there is none. */
static const char *userinfo(const char *url, const char **ret_end)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return NULL;
    start += 3;
    /* a password may hold '/' and '?' unescaped, so the last '@' of the whole counts */
    *ret_end = strrchr(start, '@');
    return *ret_end != NULL ? start : NULL;
}

void url_mask(const char *url, char *out, size_t size)
{
    const char *end, *user = userinfo(url, &end);
    const char *rest = user != NULL ? end : url;
    size_t plain = strcspn(rest, "?");
    const char *query = rest[plain] != '\0' ? "?***" : "";
    if (user == NULL) {
        (void)snprintf(out, size, "%.*s%s", (int)plain, rest, query);
        return;
    }
    size_t name = strcspn(user, ":@");
    (void)snprintf(out, size, "%.*s%s%.*s%s", (int)(user - url + (ptrdiff_t)name), url,
                   user[name] == ':' ? ":***" : "", (int)plain, rest, query);
}

void url_hide(const char *url)
{
    char password[512];
    const char *end, *user = userinfo(url, &end);
    const char *colon = user != NULL ? memchr(user, ':', (size_t)(end - user)) : NULL;
    if (colon == NULL)
        return;
    (void)snprintf(password, sizeof(password), "%.*s", (int)(end - colon - 1), colon + 1);
    log_hide(password);
}

void conninfo_mask(const char *conninfo, char *out, size_t size)
{
    static const char *const shown[] = {"host", "hostaddr", "port", "dbname", "user"};
    auto_buf b = BUF_INIT(size - 1);
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    bool fits = options != NULL || buf_adds(&b, "(unreadable)");
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
            if (strcmp(o->keyword, shown[i]) == 0 && o->val != NULL && fits)
                fits = buf_addf(&b, "%s%s=%s", b.len > 0 ? " " : "", o->keyword, o->val);
        }
    }
    PQconninfoFree(options);
    (void)snprintf(out, size, "%s", b.data);
}

void conninfo_hide(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        /* libpq marks what must not be shown */
        if (o->val != NULL && o->dispchar != NULL && strchr(o->dispchar, '*') != NULL)
            log_hide(o->val);
    }
    PQconninfoFree(options);
    url_hide(conninfo); /* as it is written there, percent-encoded */
}
