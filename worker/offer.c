#include "offer.h"

#include <stdlib.h>

#include "buf.h"
#include "key.h"
#include "registry.h"

enum { LIST_MAX_BYTES = 1 << 20 };

static bool offer(struct kv *kv, const char *worker_id, const char *list, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, worker_id);
    kv_adds(&a, list);
    auto_reply *r = kv_script(kv, "offer_functions", KEY_OFFERS, &a, e);
    kv_args_release(&a);
    return r != NULL;
}

bool offer_functions(struct kv *kv, const char *worker_id, struct err *e)
{
    auto_buf list = BUF_INIT(LIST_MAX_BYTES);
    for (size_t i = 0; i < registry_count(); i++) {
        if (!buf_addf(&list, "%s%s", i == 0 ? "" : " ", registry_at(i)->id))
            return err_set(e, ERR_BUG, "there are too many functions");
    }
    return list.len == 0 || offer(kv, worker_id, list.data, e);
}

bool offer_nothing(struct kv *kv, const char *worker_id, struct err *e)
{
    return offer(kv, worker_id, "", e);
}
