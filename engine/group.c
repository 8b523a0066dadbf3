#include "group.h"

bool group_make(struct kv *kv, const char *stream, const char *group, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, group);
    auto_reply *r = kv_script(kv, "make_group", stream, &a, e);
    kv_args_release(&a);
    return r != NULL;
}
