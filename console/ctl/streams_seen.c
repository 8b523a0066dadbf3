#include "streams_seen.h"

#include <stdlib.h>

#include "clock.h"
#include "key.h"

/* An entry's id begins with the server's time in ms. Delivered entries leave the stream when they are done with. */
static bool look_at(struct ctl *c, const char *stream, int64_t now_ms, long long *count,
                    int64_t *oldest_ms, struct err *e)
{
    auto_reply *len = kv_cmd(c->kv, e, "XLEN %s", stream);
    auto_reply *first = len != NULL ? kv_cmd(c->kv, e, "XRANGE %s - + COUNT 1", stream) : NULL;
    if (first == NULL)
        return false;
    *count += len->integer;
    if (first->elements == 1) {
        int64_t age = now_ms - strtoll(first->element[0]->element[0]->str, NULL, 10);
        *oldest_ms = age > *oldest_ms ? age : *oldest_ms;
    }
    return true;
}

/* By the clock that gave the ids. */
static bool read_now(struct ctl *c, int64_t *ret_ms, struct err *e)
{
    auto_reply *r = kv_cmd(c->kv, e, "TIME");
    if (r == NULL)
        return false;
    *ret_ms = strtoll(r->element[0]->str, NULL, 10) * 1000;
    return true;
}

bool streams_see(struct streams_seen *s, struct ctl *c, struct err *e)
{
    long partitions;
    int64_t now_ms;
    *s = (struct streams_seen){0};
    if (!ctl_partitions(c, &partitions, e) || !read_now(c, &now_ms, e) ||
        !look_at(c, KEY_EVENTS, now_ms, &s->events, &s->oldest_event_ms, e))
        return false;
    for (int p = 0; p < partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        if (!look_at(c, key2(key, prefix, "events"), now_ms, &s->events, &s->oldest_event_ms, e) ||
            !look_at(c, key2(key, prefix, "history"), now_ms, &s->history, &s->oldest_history_ms,
                     e))
            return false;
    }
    return true;
}
