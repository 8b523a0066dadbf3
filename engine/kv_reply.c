#include "kv.h"

#include <stdlib.h>
#include <string.h>

void kv_cleanup_reply(redisReply **r)
{
    if (*r != NULL)
        freeReplyObject(*r);
    *r = NULL;
}

const redisReply *kv_field(const redisReply *flat, const char *name)
{
    if (flat == NULL || flat->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < flat->elements; i += 2) {
        const redisReply *k = flat->element[i];
        if (k->type == REDIS_REPLY_STRING && strcmp(k->str, name) == 0)
            return flat->element[i + 1];
    }
    return NULL;
}

long long kv_int_at(const redisReply *r, size_t i, long long otherwise)
{
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || i >= r->elements)
        return otherwise;
    const redisReply *v = r->element[i];
    if (v->type == REDIS_REPLY_INTEGER)
        return v->integer;
    if (v->type == REDIS_REPLY_STRING)
        return strtoll(v->str, NULL, 10);
    return otherwise;
}
