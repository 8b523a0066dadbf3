/* routes_login.c: a person shows a key once, and the browser has a cookie from then on. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "js.h"
#include "route.h"
#include "session.h"

static json_t *identity(const struct request *r)
{
    return js_pack("{s:s, s:s, s:b}", "who", r->who, "access", access_name(r->access), "open",
                   r->console->open);
}

static void log_in(struct request *r)
{
    auto_json *body = request_object(r);
    if (body == NULL)
        return;
    const char *key = js_str(body, "key");
    if (key == NULL) {
        reply_error(r, 400, "invalid_input", "key",
                    "key is missing: {\"key\": \"chronos_admin_…\"}");
        return;
    }
    int64_t wait_ms;
    if (!tries_left(r->console->tries, r->address, &wait_ms)) {
        reply_too_many(r, wait_ms, "too many wrong keys were tried; try again later");
        return;
    }
    const struct key_set *s = keys_find(&r->console->keys, false, key, strlen(key));
    if (s == NULL) {
        tries_count(r->console->tries, r->address);
        reply_error(r, 401, "unauthorized", "key", "this key is not admitted here");
        return;
    }
    r->access = s->access;
    (void)snprintf(r->who, sizeof(r->who), "%s:%s", access_name(s->access), s->name);
    reply_data(r, identity(r));
    session_start(r, s);
}

static void log_out(struct request *r)
{
    reply_data(r, js_pack("{s:b}", "logged_out", true));
    session_end(r);
}

static void who_am_i(struct request *r)
{
    reply_data(r, identity(r));
}

const struct route routes_login[] = {
    {"POST", "/login", ACCESS_PUBLIC, log_in, "Gives a browser a cookie for a read or admin key",
     .quick = true, .name_of_data = "Identity"},
    {"POST", "/logout", ACCESS_PUBLIC, log_out, "Takes the cookie back", .quick = true,
     .name_of_data = "LoggedOut"},
    {"GET", "/v1/me", ACCESS_READ, who_am_i, "Who the caller is", .quick = true,
     .name_of_data = "Identity"},
    {0},
};
