#include "publish.h"

#include <stdlib.h>

#include "group.h"
#include "js.h"
#include "key.h"
#include "log.h"
#include "manifest.h"
#include "registry.h"

enum { GROUP_TRIES = 3 };

/* Twice is harmless. There are dozens of them, one after the other: an answer that gets lost here and there must not send
 * the whole start back to its beginning each time. */
static bool make_group(const struct function *f, int partition, struct kv *kv, struct err *e)
{
    char prefix[PREFIX_SIZE], stream[KEY_SIZE];
    key_prefix(partition, prefix);
    key3(stream, prefix, "ready", f->id);
    for (int tries = 1;; tries++) {
        if (group_make(kv, stream, GROUP_WORKERS, e))
            return true;
        if (tries == GROUP_TRIES || !err_is_retryable(e->code))
            return false;
    }
}

static bool add_manifest(struct kv_args *a, const struct function *f, const struct conf *c,
                         char **ret_text, struct err *e)
{
    auto_json *m = manifest_render(f, c, e);
    if (m == NULL)
        return false;
    *ret_text = js_dump(m, NULL);
    kv_adds(a, f->id);
    kv_addi(a, f->version);
    kv_adds(a, *ret_text);
    return true;
}

enum published { PUBLISHED, PUBLISHED_NOT, PUBLISHED_OVER };

/* Runs of a function that is kept out are executed here all the same: the rows that they have are in the table of whoever
 * takes them. */
static void tell_others(const redisReply *reply)
{
    for (size_t i = 0; i < registry_count(); i++) {
        const char *fn = registry_at(i)->id;
        enum published code = (enum published)kv_int_at(reply, i, PUBLISHED);
        if (code == PUBLISHED_NOT)
            log_warn(
                "a newer version of a function is published already; this worker's is kept out",
                "fn", fn, LOG_END);
        else if (code == PUBLISHED_OVER)
            log_info("a function of the same version was published with other rules or settings; "
                     "this worker's replace them",
                     "fn", fn, LOG_END);
    }
}

/* All in one call: a scheduler that saw only some of them would call the events of the others unmatched. */
static bool publish_all(const struct conf *c, struct kv *kv, struct err *e)
{
    struct kv_args a;
    char **texts = calloc(registry_count() + 1, sizeof(*texts));
    if (texts == NULL)
        abort();
    bool ok = true;
    kv_args_init(&a);
    for (size_t i = 0; ok && i < registry_count(); i++)
        ok = add_manifest(&a, registry_at(i), c, &texts[i], e);
    auto_reply *r = ok ? kv_script(kv, "publish_functions", KEY_FUNCTIONS, &a, e) : NULL;
    kv_args_release(&a);
    for (size_t i = 0; i < registry_count(); i++)
        free(texts[i]);
    free(texts);
    if (r != NULL)
        tell_others(r);
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
