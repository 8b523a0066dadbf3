#include "publish.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "key.h"
#include "manifest.h"
#include "registry.h"

static bool make_group(const struct function *f, int partition, struct kv *kv, struct err *e)
{
    char prefix[PREFIX_SIZE], stream[KEY_SIZE];
    key_prefix(partition, prefix);
    key3(stream, prefix, "ready", f->id);
    auto_reply *r = kv_cmd(kv, e, "XGROUP CREATE %s %s 0 MKSTREAM", stream, GROUP_WORKERS);
    return r != NULL || strstr(e->msg, "BUSYGROUP") != NULL;
}

/* All in one command: a scheduler that saw only some of them would call the events of the others unmatched. */
static bool publish_all(const struct conf *c, struct kv *kv, struct err *e)
{
    struct kv_args a;
    char **texts = calloc(registry_count() + 1, sizeof(*texts));
    if (texts == NULL)
        abort();
    bool ok = true;
    kv_args_init(&a);
    kv_adds(&a, "HSET");
    kv_adds(&a, KEY_FUNCTIONS);
    for (size_t i = 0; ok && i < registry_count(); i++) {
        auto_json *m = manifest_render(registry_at(i), c, e);
        ok = m != NULL;
        if (ok) {
            texts[i] = js_dump(m, NULL);
            kv_adds(&a, registry_at(i)->id);
            kv_adds(&a, texts[i]);
        }
    }
    auto_reply *r = ok ? kv_call(kv, &a, 0, e) : NULL;
    kv_args_release(&a);
    for (size_t i = 0; i < registry_count(); i++)
        free(texts[i]);
    free(texts);
    return r != NULL;
}

bool publish_functions(const struct conf *c, struct kv *kv, struct err *e)
{
    for (size_t i = 0; i < registry_count(); i++) {
        for (int p = 0; p < c->partitions; p++) {
            if (!make_group(registry_at(i), p, kv, e))
                return false;
        }
    }
    return publish_all(c, kv, e);
}
