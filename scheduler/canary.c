#include "canary.h"

#include <stdio.h>

#include "clock.h"
#include "key.h"
#include "metrics.h"

#define KEY_CANARY "chronos:canary"

bool canary_send(const struct conf *c, struct kv *kv, struct err *e)
{
    char data[64];
    if (c->canary_ms == 0)
        return true;
    auto_reply *mine = kv_cmd(kv, e, "SET %s 1 NX PX %ld", KEY_CANARY, c->canary_ms);
    if (mine == NULL)
        return false;
    if (mine->type == REDIS_REPLY_NIL)
        return true;
    (void)snprintf(data, sizeof(data), "{\"sentAt\":%lld}", (long long)wall_ms());
    auto_reply *sent = kv_cmd(kv, e, "XADD %s * name %s data %s", KEY_EVENTS, CANARY_EVENT, data);
    if (sent == NULL)
        return false;
    metric_add(METRIC_CANARY_SENT, 1);
    return true;
}
