#include "describe.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "partitions.h"

enum {
    STATE,
    FUNCTION,
    CREATOR,
    ACCEPTED,
    DUE,
    STARTED,
    TRIES,
    DEATHS,
    FAILING,
    FAILURE,
    CANCEL,
    ENTRY,
    PARTS
};

bool desk_partitions(struct desk *d, int *ret, struct err *e)
{
    long n;
    if (!partitions_in_redis(d->kv, &n, e))
        return false;
    *ret = n > 0 ? (int)n : 1; /* none: no scheduler was there yet, and no run is */
    return true;
}

void description_release(struct description *x)
{
    free(x->function);
    free(x->creator);
    free(x->failing);
    free(x->failure);
    free(x->cancelling);
    free(x->worker);
    free(x->entry);
    *x = (struct description){0};
}

static char *copy(const redisReply *r)
{
    char *s = strndup(r->str, r->len);
    if (s == NULL)
        abort();
    return s;
}

static int64_t number(const redisReply *r)
{
    return strtoll(r->str, NULL, 10);
}

static enum run_state state_of(const char *word)
{
    enum run_state s;
    if (strcmp(word, "admitted") == 0)
        return RUN_READY;
    return run_state_find(word, &s) ? s : RUN_ACCEPTED;
}

static void fill(struct description *x, int partition, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < PARTS)
        return;
    redisReply **v = r->element;
    *x = (struct description){
        .found = true,
        .state = state_of(v[STATE]->str),
        .ended = strcmp(v[STATE]->str, "ended") == 0,
        .partition = partition,
        .function = copy(v[FUNCTION]),
        .creator = copy(v[CREATOR]),
        .accepted_ms = number(v[ACCEPTED]),
        .due_ms = number(v[DUE]),
        .started_ms = number(v[STARTED]),
        .attempts = (int)number(v[TRIES]),
        .deaths = (int)number(v[DEATHS]),
        .failing = copy(v[FAILING]),
        .failure = copy(v[FAILURE]),
        .cancelling = copy(v[CANCEL]),
        .entry = copy(v[ENTRY]),
    };
    if (x->attempts == 0)
        x->attempts = 1;
}

static bool push_lease(struct desk *d, const char *prefix, const struct description *x,
                       struct err *e)
{
    char key[KEY_SIZE];
    return kv_pushf(d->kv, e, "XPENDING %s %s %s %s 1", key3(key, prefix, "ready", x->function),
                    GROUP_WORKERS, x->entry, x->entry);
}

/* A stream without its group, or an entry that is none, has no lease. */
static void pull_lease(struct desk *d, struct description *x, bool *ok, struct err *e)
{
    struct err bad = {0};
    auto_reply *r = kv_pull(d->kv, &bad);
    if (r == NULL && bad.code == ERR_UNAVAILABLE) {
        *ok = false;
        *e = bad;
    }
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements == 0 ||
        r->element[0]->elements < 4)
        return;
    x->state = RUN_RUNNING;
    x->worker = copy(r->element[0]->element[1]);
    x->since_ms = wall_ms() - r->element[0]->element[2]->integer;
}

static bool is_admitted(const struct description *x)
{
    return x->found && x->state == RUN_READY && x->entry[0] != '\0';
}

static bool find_leases(struct desk *d, const char *prefix, struct description *out, size_t n,
                        struct err *e)
{
    bool ok = true;
    size_t pushed = 0;
    for (size_t i = 0; ok && i < n; i++) {
        if (is_admitted(&out[i]))
            ok = push_lease(d, prefix, &out[i], e);
        pushed = ok ? i + 1 : pushed;
    }
    if (!ok)
        return false; /* a push that failed has lost all replies */
    for (size_t i = 0; i < pushed; i++) {
        if (is_admitted(&out[i]))
            pull_lease(d, &out[i], &ok, e);
    }
    return ok;
}

bool describe_partition(struct desk *d, int partition, const char *const *ids, size_t n,
                        bool with_leases, struct description *out, struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    key_prefix(partition, prefix);
    kv_args_init(&a);
    for (size_t i = 0; i < n; i++)
        kv_adds(&a, ids[i]);
    auto_reply *r = kv_script(d->kv, "describe_runs", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    for (size_t i = 0; i < n && i < r->elements; i++)
        fill(&out[i], partition, r->element[i]);
    return !with_leases || find_leases(d, prefix, out, n, e);
}

/* Asks for those that are missing. */
static bool ask_one(struct desk *d, int partition, const char *const *ids, size_t n,
                    struct description *out, size_t *missing, struct err *e)
{
    size_t count = 0;
    const char **names = calloc(n, sizeof(*names));
    size_t *places = calloc(n, sizeof(*places));
    struct description *found = calloc(n, sizeof(*found));
    if (names == NULL || places == NULL || found == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (!out[i].found) {
            names[count] = ids[i];
            places[count++] = i;
        }
    }
    bool ok = describe_partition(d, partition, names, count, true, found, e);
    for (size_t i = 0; i < count; i++) {
        if (ok && found[i].found) {
            out[places[i]] = found[i];
            (*missing)--;
        } else {
            description_release(&found[i]);
        }
    }
    free(names);
    free(places);
    free(found);
    return ok;
}

bool describe_runs(struct desk *d, const char *const *ids, size_t n, struct description *out,
                   struct err *e)
{
    int partitions;
    size_t missing = n;
    memset(out, 0, n * sizeof(*out));
    if (n == 0)
        return true;
    bool ok = desk_partitions(d, &partitions, e);
    for (int p = 0; ok && missing > 0 && p < partitions; p++)
        ok = ask_one(d, p, ids, n, out, &missing, e);
    for (size_t i = 0; !ok && i < n; i++)
        description_release(&out[i]);
    return ok;
}
