#include "scan.h"

#include <stdio.h>
#include <string.h>

void scan_init(struct scan *s)
{
    *s = (struct scan){.cursor = "0"};
}

redisReply *scan_next(struct scan *s, struct kv *kv, const char *pattern, int count, struct err *e)
{
    redisReply *r = kv_cmd(kv, e, "SCAN %s MATCH %s COUNT %d", s->cursor, pattern, count);
    if (r == NULL)
        return NULL;
    (void)snprintf(s->cursor, sizeof(s->cursor), "%s", r->element[0]->str);
    s->done = strcmp(s->cursor, "0") == 0;
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
    auto_reply *r = kv_cmd(kv, e, "DBSIZE");
    if (r == NULL)
        return false;
    *ret_keys = r->integer;
    return true;
}
