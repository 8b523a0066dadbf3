#include "lease.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "log.h"
#include "registry.h"

enum { MANY = 10000 };

/* An entry without a run (deleted by hand) is removed, or it would be handed out again after every restart. When it is not
 * ours any more, we were frozen while others finished the run, and nothing is wrong. */
static bool drop_orphan(struct leases *l, int partition, const char *fn, const char *entry,
                        struct err *e)
{
    char prefix[PREFIX_SIZE], stream[KEY_SIZE];
    struct err later; /* it is seen again after the next restart */
    key_prefix(partition, prefix);
    key3(stream, prefix, "ready", fn);
    auto_reply *pending = kv_cmd(l->kv, e, "XPENDING %s %s %s %s 1 %s", stream, GROUP_WORKERS,
                                 entry, entry, l->worker_id);
    if (pending == NULL || pending->elements == 0)
        return pending != NULL;
    log_error("a ready entry has no run; it is removed", "fn", fn, "entry", entry, LOG_END);
    redisReply *r = kv_cmd(l->kv, &later, "XACK %s %s %s", stream, GROUP_WORKERS, entry);
    kv_cleanup_reply(&r);
    r = kv_cmd(l->kv, &later, "XDEL %s %s", stream, entry);
    kv_cleanup_reply(&r);
    return true;
}

/* ---- what Redis answers is looked at before it is believed ---- */

static bool is_list(const redisReply *r, size_t least)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements >= least;
}

static bool is_text(const redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_STRING;
}

static bool strange(const char *command, struct err *e)
{
    return err_set(e, ERR_REDIS, "%s answered something else than it should", command);
}

/* [stream, [[entry, fields]…]] */
static bool is_stream(const redisReply *r)
{
    return is_list(r, 2) && is_text(r->element[0]) && is_list(r->element[1], 0);
}

/* [entry, fields]; the fields are nil when the entry was deleted. */
static bool is_entry(const redisReply *r)
{
    return is_list(r, 2) && is_text(r->element[0]);
}

/* [function, entry, run, hash, input, steps] */
static bool is_claimed(const redisReply *r, size_t functions)
{
    return is_list(r, 6) && r->element[0]->type == REDIS_REPLY_INTEGER &&
           r->element[0]->integer >= 0 && (size_t)r->element[0]->integer < functions &&
           is_text(r->element[1]);
}

/* An entry that is in hand already was delivered again because a server has forgotten that it was: it is being run. */
static void add_run(struct leases *l, struct run *run)
{
    if (inhand_add(l->inhand, run->partition, run->fn->id, run->entry, l->careful))
        pool_add(l->pool, run);
    else
        run_free(run);
}

/* `run` is NULL when the entry has none. */
static bool take(struct leases *l, const struct function *fn, int partition, const char *entry,
                 struct run *run, struct err *e)
{
    if (run == NULL)
        return drop_orphan(l, partition, fn->id, entry, e);
    add_run(l, run);
    return true;
}

/* One element of what claim answered. `asked`: the order. */
static bool take_claimed(struct leases *l, int partition, struct ask_order *order,
                         const size_t *asked, const redisReply *v, struct err *e)
{
    if (!is_claimed(v, registry_count()))
        return strange("claim", e);
    size_t place = (size_t)v->element[0]->integer;
    const struct function *fn = registry_at(asked[place]);
    ask_order_gave(order, place);
    const char *entry = v->element[1]->str, *id = is_text(v->element[2]) ? v->element[2]->str : "";
    return take(
        l, fn, partition, entry,
        run_from_replies(fn, partition, entry, id, v->element[3], v->element[4], v->element[5]), e);
}

int lease_claim(struct leases *l, int partition, struct ask_order *order, int most, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    size_t functions = registry_count();
    const size_t *asked = ask_order_next(order);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, l->worker_id);
    kv_addi(&a, most);
    for (size_t i = 0; i < functions; i++)
        kv_adds(&a, registry_at(asked[i])->id);
    auto_reply *r = kv_script(l->kv, "claim", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL || (!is_list(r, 0) && !strange("claim", e)))
        return -1;
    bool ok = true;
    for (size_t i = 0; i < r->elements; i++) {
        struct err later;
        ok = take_claimed(l, partition, order, asked, r->element[i], ok ? e : &later) && ok;
    }
    ask_order_learn(order, r->elements < (size_t)most);
    return ok ? (int)r->elements : -1;
}

/* Reads the run of one delivered entry and hands it to the pool. */
static bool load_entry(struct leases *l, const struct function *fn, int partition,
                       const redisReply *entry, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    const redisReply *fields = entry->element[1];
    const char *ref =
        is_list(fields, 2) && is_text(fields->element[1]) ? fields->element[1]->str : "";
    char id[ID_SIZE] = ""; /* a branch has the input and results of its run */
    int branch;
    (void)run_read_ref(ref, id, &branch);
    if (!kv_pushf(l->kv, e, "HGETALL %s:run:%s", prefix, ref) ||
        !kv_pushf(l->kv, e, "GET %s:input:%s", prefix, id) ||
        !kv_pushf(l->kv, e, "HGETALL %s:steps:%s", prefix, id))
        return false;
    /* All three are taken, also after a refusal: one left behind would be taken for the answer to the next question. */
    auto_reply *hash = kv_pull(l->kv, e);
    auto_reply *input = kv_pull(l->kv, e);
    auto_reply *steps = kv_pull(l->kv, e);
    if (hash == NULL || input == NULL || steps == NULL)
        return false;
    const char *entry_id = entry->element[0]->str;
    return take(l, fn, partition, entry_id,
                run_from_replies(fn, partition, entry_id, ref, hash, input, steps), e);
}

/* What is read of ready streams: those of some functions of the registry, so many entries of each from an id on. */
struct reading {
    size_t first, functions;
    long entries;
    const char *from;
    int64_t block_ms;                   /* 0: not at all */
    const struct inhand_snapshot *held; /* left out; may be NULL */
};

/* That read, of a partition; its streams, for the caller to free, are named in *ret. */
static struct kv_args read_command(const struct leases *l, int partition,
                                   const struct reading *what, char (**ret)[KEY_SIZE])
{
    struct kv_args a;
    char prefix[PREFIX_SIZE], (*streams)[KEY_SIZE];
    streams = calloc(what->functions, sizeof(*streams));
    if (streams == NULL)
        abort();
    key_prefix(partition, prefix);
    kv_args_init(&a);
    kv_adds(&a, "XREADGROUP");
    kv_adds(&a, "GROUP");
    kv_adds(&a, GROUP_WORKERS);
    kv_adds(&a, l->worker_id);
    kv_adds(&a, "COUNT");
    kv_addi(&a, what->entries);
    if (what->block_ms > 0) {
        kv_adds(&a, "BLOCK");
        kv_addi(&a, what->block_ms);
    }
    kv_adds(&a, "STREAMS");
    for (size_t f = 0; f < what->functions; f++)
        kv_adds(&a, key3(streams[f], prefix, "ready", registry_at(what->first + f)->id));
    for (size_t f = 0; f < what->functions; f++)
        kv_adds(&a, what->from);
    *ret = streams;
    return a;
}

/* Loads the runs of the entries of one stream, but for those that are in hand. */
static bool load_stream(struct leases *l, const struct function *fn, int partition,
                        const redisReply *entries, const struct inhand_snapshot *held,
                        struct err *e)
{
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        if (!is_entry(entry))
            return strange("XREADGROUP", e);
        if (held != NULL && inhand_has(held, partition, fn->id, entry->element[0]->str))
            continue;
        if (load_entry(l, fn, partition, entry, e))
            continue;
        if (!kv_is_refusal(e))
            return false;
        /* its keys are of another type, say: those behind it are not to wait for that */
        log_warn("a ready run cannot be read and waits", "fn", fn->id, "entry",
                 entry->element[0]->str, "error", e->msg, LOG_END);
    }
    return true;
}

/* Reads entries of a partition that are or become ours, and loads their runs. */
static bool read_entries(struct leases *l, int partition, const struct reading *what, struct err *e)
{
    char(*streams)[KEY_SIZE];
    struct kv_args a = read_command(l, partition, what, &streams);
    auto_reply *r = kv_call(l->kv, &a, what->block_ms, e);
    kv_args_release(&a);
    bool ok = r != NULL;
    for (size_t s = 0; ok && r->type == REDIS_REPLY_ARRAY && s < r->elements; s++) {
        const redisReply *stream = r->element[s];
        size_t f = 0;
        while (is_stream(stream) && f < what->functions &&
               strcmp(streams[f], stream->element[0]->str) != 0)
            f++;
        ok = is_stream(stream) && f < what->functions
                 ? load_stream(l, registry_at(what->first + f), partition, stream->element[1],
                               what->held, e)
                 : strange("XREADGROUP", e);
    }
    free(streams);
    return ok;
}

bool lease_wait(struct leases *l, int partition, int64_t block_ms, struct err *e)
{
    const struct reading next = {
        .functions = registry_count(), .entries = 1, .from = ">", .block_ms = block_ms};
    return read_entries(l, partition, &next, e);
}

/* What is in hand is looked at before what Redis lists, and only this thread adds to it, so an entry that is listed and was
 * not in hand was lost. */
static bool recover(struct leases *l, int partition, size_t first, size_t functions, struct err *e)
{
    struct inhand_snapshot *held = inhand_snapshot(l->inhand);
    const struct reading ours = {
        .first = first, .functions = functions, .entries = MANY, .from = "0", .held = held};
    bool ok = read_entries(l, partition, &ours, e);
    inhand_snapshot_free(held);
    return ok;
}

/* All streams in one call, since its answer may be lost as well. Where one of them cannot be read, for being of another type, say,
 * that is no reason to leave alone what is in the others. */
bool lease_recover(struct leases *l, int partition, struct err *e)
{
    if (recover(l, partition, 0, registry_count(), e))
        return true;
    if (!kv_is_refusal(e))
        return false;
    for (size_t f = 0; f < registry_count(); f++) {
        if (recover(l, partition, f, 1, e))
            continue;
        if (!kv_is_refusal(e))
            return false;
        log_warn("a ready stream cannot be read", "fn", registry_at(f)->id, "error", e->msg,
                 LOG_END);
    }
    return true;
}
