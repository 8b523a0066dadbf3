#include "servers.h"

#include <stdlib.h>
#include <string.h>

#include "redis_check.h"

enum { NAME_SIZE = 64 };

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool read_names(struct kv *kv, int count, char (*names)[NAME_SIZE], struct err *e)
{
    for (int i = 0; i < count; i++) {
        auto_reply *r = kv_cmd_at(kv, i, e, "INFO server");
        if (r == NULL)
            return false;
        redis_info_field(r->str, "run_id", names[i], NAME_SIZE);
    }
    return true;
}

bool servers_read(struct kv *kv, struct buf *ret, struct err *e)
{
    int count;
    if (!kv_servers(kv, &count, e))
        return false;
    auto_free char(*names)[NAME_SIZE] = calloc((size_t)count, sizeof(*names));
    if (names == NULL)
        abort();
    if (!read_names(kv, count, names, e))
        return false;
    qsort(names, (size_t)count, sizeof(*names), compare);
    buf_clear(ret);
    for (int i = 0; i < count; i++) {
        if (!buf_addf(ret, "%s%s", i > 0 ? "," : "", names[i]))
            return err_set(e, ERR_BUG, "redis has too many servers");
    }
    return true;
}
