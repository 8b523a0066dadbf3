#include "share_round.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "waterfill.h"

enum {
    KEEP_IDLE_MS = 10000, /* shares of a keyed limit that nobody needs */
    WAIT_LOST_MS = 12000, /* longer than a raise may be under way (set_share) */
};

struct part {
    long granted, has, holders, next;
    long long version;
    int64_t read_ms;
};

struct round {
    struct kv *kv;
    struct share_limit *limit;
    char key[KEY_SIZE];
    char version[24]; /* of the grants; "" = there are none */
    int n;
    struct part *parts;
    struct need *needs;
    long granted; /* sum */
    bool refused; /* others were faster: nothing more is done */
};

/* ---- reading ---- */

static bool read_grants(struct round *r, struct err *e)
{
    auto_reply *flat = kv_cmd(r->kv, e, "HGETALL %s", r->key);
    if (flat == NULL)
        return false;
    for (size_t i = 0; i + 1 < flat->elements; i += 2) {
        const char *name = flat->element[i]->str, *value = flat->element[i + 1]->str;
        long part = name[0] == 'g' ? strtol(name + 1, NULL, 10) : -1;
        if (strcmp(name, "v") == 0)
            (void)snprintf(r->version, sizeof(r->version), "%s", value);
        else if (part >= 0 && part < r->n)
            r->parts[part].granted = strtol(value, NULL, 10);
    }
    for (int i = 0; i < r->n; i++)
        r->granted += r->parts[i].granted;
    return true;
}

static void take_demands(struct round *r, const struct share_demand *demands)
{
    for (int i = 0; i < r->n; i++) {
        struct part *p = &r->parts[i];
        p->has = demands[i].max;
        p->version = demands[i].version;
        p->holders = demands[i].holders;
        p->read_ms = demands[i].read_ms;
        r->needs[i] =
            (struct need){.demand = demands[i].holders + demands[i].waiting, .has = demands[i].max};
    }
}

/* ---- is there anything to do ---- */

static bool is_lost(struct round *r)
{
    bool lost = false;
    for (int i = 0; i < r->n; i++)
        lost = lost || (r->version[0] == '\0' && (r->parts[i].has > 0 || r->parts[i].holders > 0));
    if (!lost)
        r->limit->lost_since_ms = 0;
    else if (r->limit->lost_since_ms == 0)
        r->limit->lost_since_ms = mono_ms();
    return lost && mono_ms() - r->limit->lost_since_ms < WAIT_LOST_MS;
}

static bool is_needed(const struct round *r)
{
    for (int i = 0; i < r->n; i++) {
        if (r->needs[i].demand > 0)
            return true;
    }
    return false;
}

/* Nobody has needed it for a while: what there is of it is taken in. */
static bool is_to_end(struct round *r)
{
    struct share_limit *l = r->limit;
    if (is_needed(r) || (!l->keyed && l->max > 0))
        l->idle_since_ms = 0;
    else if (l->idle_since_ms == 0)
        l->idle_since_ms = mono_ms();
    return l->idle_since_ms != 0 && mono_ms() - l->idle_since_ms >= KEEP_IDLE_MS;
}

static bool is_unbalanced(const struct round *r, bool end)
{
    const struct share_limit *l = r->limit;
    bool all = end || !l->keyed || is_needed(r);
    if (r->granted > l->max || (!end && all && r->granted < l->max))
        return true;
    for (int i = 0; i < r->n; i++) {
        const struct part *p = &r->parts[i];
        long waiting = r->needs[i].demand - p->holders;
        if (p->has > p->granted || (waiting > 0 && p->has < r->needs[i].target) ||
            (end && p->granted > 0))
            return true;
    }
    return false;
}

/* ---- moving ---- */

/* *ret_holders untouched when it was refused. */
static bool set_share(struct round *r, int i, long share, long long version, long *ret_holders,
                      struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    key_prefix(i, prefix);
    kv_args_init(&a);
    kv_adds(&a, r->limit->name);
    kv_addi(&a, share);
    kv_addi(&a, version);
    kv_addi(&a, r->parts[i].read_ms);
    auto_reply *reply = kv_script(r->kv, "set_share", prefix, &a, e);
    kv_args_release(&a);
    if (reply == NULL)
        return false;
    r->refused = kv_int_at(reply, 0, 1) != 0;
    if (!r->refused) {
        r->parts[i].has = share;
        *ret_holders = (long)kv_int_at(reply, 1, 0);
    }
    return true;
}

static long least(long a, long b)
{
    return a < b ? a : b;
}

static long most(long a, long b)
{
    return a > b ? a : b;
}

/* By the version of the grants, or, where those were lost, by the newest that any partition has heard of. */
static long long version_to_lower_by(const struct round *r)
{
    long long version = strtoll(r->version, NULL, 10);
    for (int i = 0; i < r->n && r->version[0] == '\0'; i++)
        version = r->parts[i].version > version ? r->parts[i].version : version;
    return version;
}

/* Everybody whose grant falls is told first, also when the share stays as it is: a raise to the old grant may be under way. Where
 * the grants were lost that is everybody. */
static bool is_lowered(const struct round *r, int i)
{
    const struct part *p = &r->parts[i];
    long target = r->needs[i].target;
    return r->version[0] == '\0' || target < p->has || target < p->granted || p->has > p->granted ||
           p->holders > p->granted;
}

static bool lower(struct round *r, struct err *e)
{
    long long version = version_to_lower_by(r);
    for (int i = 0; i < r->n && !r->refused; i++) {
        struct part *p = &r->parts[i];
        long target = r->needs[i].target, holders;
        p->next = p->granted;
        if (!is_lowered(r, i))
            continue;
        if (!set_share(r, i, least(target, p->has), version, &holders, e))
            return false;
        if (!r->refused)
            p->next = most(most(p->has, holders), least(target, p->granted));
    }
    return true;
}

static void add_free(struct round *r)
{
    long room = r->limit->max;
    for (int i = 0; i < r->n; i++)
        room -= r->parts[i].next;
    for (int i = 0; i < r->n && room > 0; i++) {
        long more = least(room, r->needs[i].target - r->parts[i].next);
        if (more > 0) {
            r->parts[i].next += more;
            room -= more;
        }
    }
}

static bool assign(struct round *r, long long *ret_version, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_addi(&a, r->limit->max);
    kv_adds(&a, r->version);
    for (int i = 0; i < r->n; i++) {
        kv_addi(&a, i);
        kv_addi(&a, r->parts[i].next);
    }
    auto_reply *reply = kv_script(r->kv, "assign_shares", r->key, &a, e);
    kv_args_release(&a);
    if (reply == NULL)
        return false;
    r->refused = kv_int_at(reply, 0, 1) != 0;
    *ret_version = strtoll(reply->element[1]->str, NULL, 10);
    return true;
}

/* After the grants were lost everybody is told, so that nothing older can be heard any more. */
static bool raise_shares(struct round *r, long long version, struct err *e)
{
    for (int i = 0; i < r->n; i++) {
        long share = least(r->needs[i].target, r->parts[i].next), holders;
        bool told = share > r->parts[i].has || r->version[0] == '\0';
        if (told && !set_share(r, i, share, version, &holders, e))
            return false; /* who is refused or left out is unbalanced still */
    }
    return true;
}

static bool move(struct round *r, struct err *e)
{
    long long version;
    if (!lower(r, e))
        return false;
    if (r->refused)
        return true;
    add_free(r);
    if (!assign(r, &version, e))
        return false;
    return r->refused || raise_shares(r, version, e);
}

/* ---- a round ---- */

static bool is_waited_for(const struct round *r)
{
    for (int i = 0; i < r->n; i++) {
        if (r->needs[i].demand > r->parts[i].holders)
            return true;
    }
    return false;
}

static bool balance(struct round *r, unsigned turn, enum share_state *ret_state, struct err *e)
{
    if (!read_grants(r, e))
        return false;
    bool end = is_to_end(r);
    waterfill(r->needs, r->n, end ? 0 : r->limit->max, r->limit->keyed, turn);
    *ret_state = is_waited_for(r) ? SHARE_BUSY : SHARE_IDLE;
    if (is_lost(r))
        return true;
    if (is_unbalanced(r, end)) {
        *ret_state = SHARE_BUSY;
        return move(r, e);
    }
    if (end)
        *ret_state = SHARE_OVER;
    return true;
}

bool share_round(struct kv *kv, struct share_limit *l, const struct share_demand *demands,
                 int partitions, unsigned turn, enum share_state *ret_state, struct err *e)
{
    struct round r = {.kv = kv, .limit = l, .n = partitions};
    (void)snprintf(r.key, sizeof(r.key), "chronos:shares:%s", l->name);
    r.parts = calloc((size_t)partitions + 1, sizeof(*r.parts));
    r.needs = calloc((size_t)partitions + 1, sizeof(*r.needs));
    if (r.parts == NULL || r.needs == NULL)
        abort();
    take_demands(&r, demands);
    bool ok = balance(&r, turn, ret_state, e);
    free(r.parts);
    free(r.needs);
    return ok;
}
