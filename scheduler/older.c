#include "older.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "scan.h"

enum { KEYS_AT_ONCE = 500 };

/* Ids of stream entries: ms-sequence. */
static int compare(const char *a, const char *b)
{
    char *end_a, *end_b;
    unsigned long long ms_a = strtoull(a, &end_a, 10), ms_b = strtoull(b, &end_b, 10);
    if (ms_a != ms_b)
        return ms_a < ms_b ? -1 : 1;
    unsigned long long n_a = *end_a == '-' ? strtoull(end_a + 1, NULL, 10) : 0;
    unsigned long long n_b = *end_b == '-' ? strtoull(end_b + 1, NULL, 10) : 0;
    return n_a < n_b ? -1 : n_a > n_b;
}

bool older_check(struct kv *kv, const char *prefix, const char *cursor, bool *ret_older,
                 struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "GET %s:archived", prefix);
    if (r == NULL)
        return false;
    /* none: archived by a version that did not note it, or nothing was archived yet */
    *ret_older = r->type == REDIS_REPLY_STRING && compare(r->str, cursor) < 0;
    return true;
}

bool older_note(struct kv *kv, const char *prefix, const char *last, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, last);
    auto_reply *r = kv_script(kv, "note_archived", prefix, &a, e);
    kv_args_release(&a);
    return r != NULL;
}

/* By which it is known that the rest is not empty yet: they go last, together. */
static bool is_mark(const char *key, const char *prefix)
{
    char mark[KEY_SIZE];
    return strcmp(key, key2(mark, prefix, "archived")) == 0 ||
           strcmp(key, key2(mark, prefix, "epoch")) == 0;
}

static bool unlink_page(struct kv *kv, const redisReply *page, const char *prefix, struct err *e)
{
    for (size_t i = 0; i < page->elements; i++) {
        const redisReply *key = page->element[i];
        if (is_mark(key->str, prefix))
            continue;
        auto_reply *r = kv_cmd(kv, e, "UNLINK %b", key->str, key->len);
        if (r == NULL)
            return false;
    }
    return true;
}

/* Schedulers first: who is not registered starts nothing. */
bool older_empty(struct kv *kv, const char *prefix, const atomic_bool *stopping, struct err *e)
{
    char pattern[KEY_SIZE];
    (void)key2(pattern, prefix, "*");
    auto_reply *first = kv_cmd(kv, e, "UNLINK %s:schedulers", prefix);
    if (first == NULL)
        return false;
    struct scan s;
    scan_init(&s);
    while (!s.done) {
        if (atomic_load(stopping))
            return err_set(e, ERR_STOPPING, "stopped while emptying a partition");
        auto_reply *page = scan_next(&s, kv, pattern, KEYS_AT_ONCE, e);
        if (page == NULL || !unlink_page(kv, page, prefix, e))
            return false;
    }
    auto_reply *r = kv_cmd(kv, e, "UNLINK %s:epoch %s:archived", prefix, prefix);
    return r != NULL;
}
