#include "publish.h"

#include <string.h>

#include "js.h"
#include "key.h"
#include "manifest.h"
#include "registry.h"

static bool publish_one(const struct function *f, const struct conf *c, struct kv *kv,
                        struct err *e)
{
    auto_json *m = manifest_render(f, c, e);
    if (m == NULL)
        return false;
    auto_free char *text = js_dump(m, NULL);
    auto_reply *r = kv_cmd(kv, e, "HSET %s %s %s", KEY_FUNCTIONS, f->id, text);
    return r != NULL;
}

static bool make_group(const struct function *f, int partition, struct kv *kv, struct err *e)
{
    char prefix[PREFIX_SIZE], stream[KEY_SIZE];
    key_prefix(partition, prefix);
    key3(stream, prefix, "ready", f->id);
    auto_reply *r = kv_cmd(kv, e, "XGROUP CREATE %s %s 0 MKSTREAM", stream, GROUP_WORKERS);
    return r != NULL || strstr(e->msg, "BUSYGROUP") != NULL;
}

bool publish_functions(const struct conf *c, struct kv *kv, struct err *e)
{
    for (size_t i = 0; i < registry_count(); i++) {
        for (int p = 0; p < c->partitions; p++) {
            if (!make_group(registry_at(i), p, kv, e))
                return false;
        }
        if (!publish_one(registry_at(i), c, kv, e))
            return false;
    }
    return true;
}
