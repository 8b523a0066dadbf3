#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "id.h"

enum {
    REFRESH_MS = 100,  /* least time between two readings of the map, and as much of jitter */
    REFRESH_TRIES = 3, /* nodes asked for it in one go: each may take its time to fail */
};

bool cluster_init(struct cluster *c, const char *url, struct err *e)
{
    *c = (struct cluster){0};
    return kv_url_parse(&c->url, url, e);
}

void cluster_release(struct cluster *c)
{
    for (int i = 0; i < c->count; i++) {
        kv_node_release(c->nodes[i]);
        free(c->nodes[i]);
    }
    free(c->nodes);
    free(c->owner);
    kv_url_release(&c->url);
    *c = (struct cluster){0};
}

/* ---- nodes ---- */

/* The place of a node that the cluster has left long ago, or a new one. */
static struct kv_node *new_place(struct cluster *c)
{
    for (int i = 0; i < c->count; i++) {
        struct kv_node *n = c->nodes[i];
        if (!n->is_listed && !n->is_named && n->outstanding == 0) {
            c->changes += n->losses; /* the sum of both does not fall */
            kv_node_release(n);
            return n;
        }
    }
    c->nodes = realloc(c->nodes, (size_t)(c->count + 1) * sizeof(struct kv_node *));
    struct kv_node *n = calloc(1, sizeof(*n));
    if (c->nodes == NULL || n == NULL)
        abort();
    return c->nodes[c->count++] = n;
}

static struct kv_node *find_or_add(struct cluster *c, const struct kv_address *at)
{
    for (int i = 0; i < c->count; i++) {
        if (kv_address_equal(&c->nodes[i]->at, at))
            return c->nodes[i];
    }
    struct kv_node *n = new_place(c);
    kv_node_init(n, &c->url, at);
    n->impatient = true;
    return n;
}

static int index_of(const struct cluster *c, const struct kv_node *n)
{
    int i = 0;
    while (c->nodes[i] != n)
        i++;
    return i;
}

static bool is_seed(const struct cluster *c, const struct kv_node *n)
{
    for (int i = 0; i < c->url.seed_count; i++) {
        if (kv_address_equal(&c->url.seeds[i], &n->at))
            return true;
    }
    return false;
}

/* ---- the map ---- */

static bool is_list(const redisReply *r, size_t least)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements >= least;
}

/* [host, port, …] as CLUSTER SLOTS has it; no host means the one that was asked. */
static bool read_address(const redisReply *r, const struct kv_node *asked, struct kv_address *ret)
{
    if (!is_list(r, 2) || r->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    const redisReply *host = r->element[0];
    bool named = host->type == REDIS_REPLY_STRING && host->len > 0 && host->str[0] != '?';
    if (named && host->len >= KV_HOST_SIZE)
        return false;
    (void)snprintf(ret->host, KV_HOST_SIZE, "%s", named ? host->str : asked->at.host);
    ret->port = (int)r->element[1]->integer;
    return true;
}

static struct kv_node *list_node(struct cluster *c, const redisReply *r,
                                 const struct kv_node *asked)
{
    struct kv_address at;
    if (!read_address(r, asked, &at))
        return NULL;
    struct kv_node *n = find_or_add(c, &at);
    n->is_named = true;
    return n;
}

/* [first, last, primary, replica…] */
static bool read_range(struct cluster *c, const redisReply *r, const struct kv_node *asked,
                       int16_t *owner)
{
    if (!is_list(r, 3) || r->element[0]->type != REDIS_REPLY_INTEGER ||
        r->element[1]->type != REDIS_REPLY_INTEGER || r->element[0]->integer < 0 ||
        r->element[1]->integer >= SLOTS)
        return false;
    struct kv_node *primary = list_node(c, r->element[2], asked);
    if (primary == NULL)
        return false;
    for (long long s = r->element[0]->integer; s <= r->element[1]->integer; s++)
        owner[s] = (int16_t)index_of(c, primary);
    for (size_t i = 3; i < r->elements; i++)
        (void)list_node(c, r->element[i], asked); /* one more to ask for the map */
    return true;
}

static void note_change(struct cluster *c)
{
    c->owners_since_ms = mono_ms();
    c->changes++;
}

/* Takes the new map. Nodes that the cluster does not name any more are left alone from now on. */
static void take_map(struct cluster *c, int16_t *owner)
{
    if (c->owner != NULL && memcmp(c->owner, owner, SLOTS * sizeof(*owner)) != 0)
        note_change(c);
    free(c->owner);
    c->owner = owner;
    c->single = NULL;
    c->stale = false;
    for (int i = 0; i < c->count; i++) {
        struct kv_node *n = c->nodes[i];
        if (!n->is_named && n->outstanding == 0)
            kv_node_drop(n);
        n->is_listed = n->is_named || is_seed(c, n);
        n->is_named = n->is_primary = false;
        n->impatient = true;
    }
    for (int s = 0; s < SLOTS; s++) {
        if (owner[s] >= 0)
            c->nodes[owner[s]]->is_primary = true;
    }
}

static bool read_map(struct cluster *c, struct kv_node *asked, const redisReply *r, struct err *e)
{
    int16_t *owner = malloc(SLOTS * sizeof(*owner));
    if (owner == NULL)
        abort();
    memset(owner, -1, SLOTS * sizeof(*owner));
    bool ok = is_list(r, 1);
    for (int i = 0; i < c->count; i++)
        c->nodes[i]->is_named = false; /* left from a reply that could not be read */
    for (size_t i = 0; ok && i < r->elements; i++)
        ok = read_range(c, r->element[i], asked, owner);
    if (!ok) {
        free(owner);
        c->stale = true;
        return err_set(e, ERR_UNAVAILABLE, "redis %s:%d: the cluster is not set up yet",
                       asked->at.host, asked->at.port);
    }
    take_map(c, owner);
    return true;
}

static bool load_map(struct cluster *c, struct kv_node *n, struct err *e)
{
    static const char question[] = "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n";
    if (!kv_node_ready(n, e))
        return false;
    redisReply *r = kv_node_ask(n, question, sizeof(question) - 1, e);
    if (r == NULL)
        return false;
    bool ok = r->type == REDIS_REPLY_ERROR ? kv_node_refused(n, r, e) : read_map(c, n, r, e);
    freeReplyObject(r);
    return ok;
}

/* Reads the map again from some node, those first that answer already. Not too often: then it is false at once. */
static bool refresh(struct cluster *c, struct err *e)
{
    int64_t now = mono_ms();
    if (now < c->refresh_at_ms)
        return false;
    c->refresh_at_ms = now + REFRESH_MS + (int64_t)(id_random() % REFRESH_MS);
    int first = (int)(id_random() % (uint64_t)c->count), tries = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < c->count && tries < REFRESH_TRIES; i++) {
            struct kv_node *n = c->nodes[(first + i) % c->count];
            bool fits = pass == 0 ? n->ctx != NULL && n->outstanding == 0
                                  : n->ctx == NULL && n->is_listed && now >= n->try_again_ms;
            if (!fits)
                continue;
            if (load_map(c, n, e)) {
                if (!n->is_primary && n->outstanding == 0)
                    kv_node_drop(n); /* a replica is good for nothing else */
                return true;
            }
            tries++;
        }
    }
    return false;
}

/* ---- what kind it is ---- */

static bool learn_from(struct cluster *c, struct kv_node *seed, struct err *e)
{
    seed->impatient = c->url.seed_count > 1;
    if (!kv_node_ready(seed, e))
        return false;
    if (seed->is_cluster)
        return load_map(c, seed, e);
    if (c->url.seed_count > 1)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_REDIS_URL: several hosts are the nodes of one Redis Cluster, and "
                       "%s:%d belongs to none (cluster-enabled no)",
                       seed->at.host, seed->at.port);
    c->single = seed;
    return true;
}

bool cluster_is_one(const struct cluster *c)
{
    return c->owner != NULL;
}

bool cluster_know(struct cluster *c, struct err *e)
{
    if (c->owner != NULL || c->single != NULL)
        return true;
    int first = (int)(id_random() % (uint64_t)c->url.seed_count);
    for (int i = 0; i < c->url.seed_count; i++) {
        struct kv_node *seed = find_or_add(c, &c->url.seeds[(first + i) % c->url.seed_count]);
        seed->is_listed = true;
        if (learn_from(c, seed, e))
            return true;
        if (e->code == ERR_INPUT)
            return false;
    }
    return false;
}

/* ---- routing ---- */

static struct kv_node *any_node(const struct cluster *c)
{
    struct kv_node *other = NULL;
    for (int i = 0; i < c->count; i++) {
        struct kv_node *n = c->nodes[i];
        if (n->is_primary && n->ctx != NULL)
            return n;
        if (n->is_primary && (other == NULL || n->try_again_ms < other->try_again_ms))
            other = n;
    }
    return other;
}

static struct kv_node *owner_of(const struct cluster *c, int slot)
{
    if (slot == SLOT_ANY)
        return any_node(c);
    return c->owner[slot] >= 0 ? c->nodes[c->owner[slot]] : NULL;
}

static struct kv_node *ready_owner(const struct cluster *c, int slot, struct err *e)
{
    struct kv_node *n = owner_of(c, slot);
    if (n == NULL) {
        (void)err_set(e, ERR_UNAVAILABLE, "redis: no node of the cluster serves slot %d", slot);
        return NULL;
    }
    return kv_node_ready(n, e) ? n : NULL;
}

/* A server that was single may have come back as a node of a cluster. */
static struct kv_node *ready_single(struct cluster *c, struct err *e)
{
    if (!kv_node_ready(c->single, e))
        return NULL;
    if (!c->single->is_cluster)
        return c->single;
    note_change(c);
    return load_map(c, c->single, e) ? any_node(c) : NULL;
}

struct kv_node *cluster_node(struct cluster *c, int slot, struct err *e)
{
    struct err later;
    if (!cluster_know(c, e))
        return NULL;
    if (c->single != NULL) {
        struct kv_node *n = ready_single(c, e);
        if (n == NULL || c->single != NULL)
            return n;
    }
    bool fresh = c->stale && refresh(c, &later);
    struct kv_node *n = ready_owner(c, slot, e);
    if (n == NULL && !fresh && refresh(c, &later))
        n = ready_owner(c, slot, e);
    c->stale = c->stale || n == NULL;
    return n;
}

bool cluster_address(struct cluster *c, int slot, struct kv_address *ret, struct err *e)
{
    struct err later;
    if (!cluster_know(c, e))
        return false;
    if (c->owner != NULL && c->stale)
        (void)refresh(c, &later); /* what is known already may do */
    const struct kv_node *n = c->owner != NULL ? owner_of(c, slot) : c->single;
    if (n == NULL)
        return err_set(e, ERR_UNAVAILABLE, "redis: no node of the cluster serves slot %d", slot);
    *ret = n->at;
    return true;
}

/* ---- redirects ---- */

bool cluster_is_redirect(const redisReply *r)
{
    return r->type == REDIS_REPLY_ERROR &&
           (strncmp(r->str, "MOVED ", 6) == 0 || strncmp(r->str, "ASK ", 4) == 0);
}

struct kv_node *cluster_redirect(struct cluster *c, const struct kv_node *from, const redisReply *r,
                                 bool *ret_ask)
{
    struct kv_address at;
    char *end;
    *ret_ask = r->str[0] == 'A';
    c->stale = c->stale || !*ret_ask;
    const char *space = strchr(r->str, ' '), *colon = strrchr(r->str, ':');
    long slot = strtol(space, &end, 10);
    if (c->owner == NULL || *end != ' ' || colon == NULL || colon < end || slot < 0 ||
        slot >= SLOTS)
        return NULL;
    int len = (int)(colon - end - 1);
    (void)snprintf(at.host, KV_HOST_SIZE, "%.*s", len > 0 ? len : KV_HOST_SIZE - 1,
                   len > 0 ? end + 1 : from->at.host);
    at.port = (int)strtol(colon + 1, NULL, 10);
    struct kv_node *n = find_or_add(c, &at);
    n->is_listed = true;
    if (!*ret_ask && c->owner[slot] != index_of(c, n)) {
        n->is_primary = true;
        c->owner[slot] = (int16_t)index_of(c, n);
        note_change(c);
    }
    return n;
}

/* ---- what callers want to know ---- */

int64_t cluster_since_ms(const struct cluster *c)
{
    if (c->owner == NULL)
        return c->single != NULL ? c->single->since_ms : 0;
    int64_t since = c->owners_since_ms;
    for (int i = 0; i < c->count; i++) {
        const struct kv_node *n = c->nodes[i];
        if (n->is_primary && n->since_ms == 0)
            return 0;
        if (n->is_primary && n->since_ms > since)
            since = n->since_ms;
    }
    return since;
}

unsigned cluster_disturbances(const struct cluster *c)
{
    unsigned sum = c->changes;
    for (int i = 0; i < c->count; i++)
        sum += c->nodes[i]->losses;
    return sum;
}

struct kv_node *cluster_primary(const struct cluster *c, int number)
{
    if (c->owner == NULL)
        return number == 0 ? c->single : NULL;
    for (int i = 0; i < c->count; i++) {
        if (c->nodes[i]->is_primary && number-- == 0)
            return c->nodes[i];
    }
    return NULL;
}
