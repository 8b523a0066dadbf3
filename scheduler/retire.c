#include "retire.h"

#include <stdio.h>
#include <string.h>

#include "cancel.h"
#include "clock.h"
#include "key.h"
#include "offers.h"

enum { ALL_REFRESHED_MS = 3000, NAP_MS = 50 };

/* By workers that live, or that have died and were not reaped yet: forgotten functions are not looked at. */
static bool count_held(const struct conf *c, struct kv *kv, const char *fn, long long *ret_held,
                       struct err *e)
{
    *ret_held = 0;
    for (int p = 0; p < c->partitions; p++) {
        char prefix[PREFIX_SIZE], stream[KEY_SIZE];
        key_prefix(p, prefix);
        auto_reply *r =
            kv_cmd(kv, e, "XPENDING %s %s", key3(stream, prefix, "ready", fn), GROUP_WORKERS);
        if (r != NULL)
            *ret_held += kv_int_at(r, 0, 0);
        else if (!e->is_missing)
            return false;
    }
    return true;
}

/* *ret_may: nobody executes it. */
static bool may_retire(const struct conf *c, struct kv *kv, const char *fn, bool *ret_may,
                       char *result, size_t size, struct err *e)
{
    struct offers offers;
    long long held;
    if (!offers_read(&offers, kv, e))
        return false;
    int workers = offers_of(&offers, fn);
    offers_release(&offers);
    if (!count_held(c, kv, fn, &held, e))
        return false;
    *ret_may = workers == 0 && held == 0;
    if (workers > 0)
        (void)snprintf(result, size,
                       "refused: live workers execute it (%d); stop those whose build has it first",
                       workers);
    else if (held > 0)
        (void)snprintf(result, size, "refused: workers still hold %lld of its runs; try again",
                       held);
    return true;
}

/* The manifest first: a scheduler that reads the schedule after that finds no manifest that would put it back. */
static bool forget(struct kv *kv, const char *fn, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(0, prefix);
    auto_reply *functions = kv_cmd(kv, e, "HDEL %s %s", KEY_FUNCTIONS, fn);
    if (functions == NULL)
        return false;
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, fn);
    auto_reply *schedule = kv_script(kv, "drop_schedule", prefix, &a, e);
    kv_args_release(&a);
    return schedule != NULL;
}

/* Until every scheduler has read the functions again: whoever has not may still start runs of it. */
static bool wait_for_others(bool (*alive)(void *ctx, struct err *e), void *ctx, struct err *e)
{
    for (int64_t until = mono_ms() + ALL_REFRESHED_MS; mono_ms() < until;) {
        if (!alive(ctx, e))
            return false;
        sleep_ms(NAP_MS);
    }
    return true;
}

bool retire_function(const struct conf *c, struct kv *kv, struct db *db, const char *fn,
                     const char *reason, bool (*alive)(void *ctx, struct err *e), void *ctx,
                     char *result, size_t size, struct err *e)
{
    const struct cancel_filter filter = {.function = fn, .since_ms = -1, .until_ms = -1};
    struct cancel_count count;
    bool may;
    if (!may_retire(c, kv, fn, &may, result, size, e))
        return false;
    if (!may)
        return true;
    if (!forget(kv, fn, e) || !wait_for_others(alive, ctx, e) ||
        !cancel_where(kv, &filter, reason, alive, ctx, &count, e) ||
        !DB_EXEC(db, e, "delete_function", fn))
        return false;
    (void)snprintf(result, size, "retired; %ld runs cancelled", count.done + count.begun);
    return true;
}
