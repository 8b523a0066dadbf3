#include "scan.h"

#include <stdio.h>
#include <string.h>

void scan_init(struct scan *s)
{
    *s = (struct scan){.cursor = "0"};
}

redisReply *scan_next(struct scan *s, struct kv *kv, const char *pattern, int count, struct err *e)
{
    if (s->servers == 0 && !kv_servers(kv, &s->servers, e))
        return NULL;
    redisReply *r =
        kv_cmd_at(kv, s->server, e, "SCAN %s MATCH %s COUNT %d", s->cursor, pattern, count);
    if (r == NULL) {
        scan_init(s); /* slots may have moved: a cursor belongs to one server */
        return NULL;
    }
    (void)snprintf(s->cursor, sizeof(s->cursor), "%s", r->element[0]->str);
    s->server += strcmp(s->cursor, "0") == 0;
    s->done = s->server == s->servers;
    /* the page alone: hiredis frees what is left in the reply with it */
    redisReply *page = r->element[1];
    r->element[1] = NULL;
    freeReplyObject(r);
    return page;
}

const char *scan_name(const char *key, const char *kind, char ret_prefix[PREFIX_SIZE])
{
    const char *end = strchr(key, '}');
    size_t prefix = end != NULL ? (size_t)(end - key) + 1 : 0, len = strlen(kind);
    if (prefix == 0 || prefix >= PREFIX_SIZE || key[prefix] != ':' ||
        strncmp(key + prefix + 1, kind, len) != 0 || key[prefix + 1 + len] != ':')
        return NULL;
    (void)snprintf(ret_prefix, PREFIX_SIZE, "%.*s", (int)prefix, key);
    return key + prefix + 1 + len + 1;
}

bool scan_size(struct kv *kv, long long *ret_keys, struct err *e)
{
    int servers;
    long long keys = 0;
    if (!kv_servers(kv, &servers, e))
        return false;
    for (int i = 0; i < servers; i++) {
        auto_reply *r = kv_cmd_at(kv, i, e, "DBSIZE");
        if (r == NULL)
            return false;
        keys += r->integer;
    }
    *ret_keys = keys;
    return true;
}
