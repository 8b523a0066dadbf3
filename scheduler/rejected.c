#include "rejected.h"

#include "key.h"
#include "log.h"

enum { DAY_MS = 86400000, HALVINGS = 20 };

/* By Redis' clock, which made the entries' ids. */
static bool drop_old(struct kv *kv, long days, struct err *e)
{
    auto_reply *now = kv_cmd(kv, e, "TIME");
    if (now == NULL)
        return false;
    long long ms = kv_int_at(now, 0, 0) * 1000 - (long long)days * DAY_MS;
    auto_reply *r = kv_cmd(kv, e, "XTRIM %s MINID ~ %lld", KEY_REJECTED, ms > 0 ? ms : 0LL);
    return r != NULL;
}

bool rejected_bound(struct kv *kv, long days, struct err *e)
{
    if (!drop_old(kv, days, e))
        return false;
    for (int i = 0; i < HALVINGS; i++) {
        auto_reply *bytes = kv_cmd(kv, e, "MEMORY USAGE %s", KEY_REJECTED);
        if (bytes == NULL)
            return false;
        if (bytes->type != REDIS_REPLY_INTEGER || bytes->integer <= REJECTED_MAX_BYTES)
            return true;
        auto_reply *length = kv_cmd(kv, e, "XLEN %s", KEY_REJECTED);
        if (length == NULL)
            return false;
        auto_reply *r = kv_cmd(kv, e, "XTRIM %s MAXLEN %lld", KEY_REJECTED, length->integer / 2);
        if (r == NULL)
            return false;
        log_warn("rejected events take too much of redis; the older half was removed", "hint",
                 "chronos.rejected_events keeps the reason and the beginning of each", LOG_END);
    }
    return true;
}
