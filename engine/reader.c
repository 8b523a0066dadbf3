#include "reader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cluster.h"
#include "id.h"
#include "key.h"

enum {
    MARGIN_MS = 2000,
    RETRY_MS = 100,  /* after a failed read, and as much of jitter */
    REDIRECT_MS = 5, /* before one is followed: two nodes may name each other for a moment */
    FEW = 32,        /* streams of a single server that one command reads */
    CURSOR_SIZE = 48,
    NAME_SIZE = 128,
};

struct stream {
    char key[KEY_SIZE];
    char after[CURSOR_SIZE];
    int group;
    bool has_failed;
};

/* Streams that one command reads, and the connection for it. */
struct group {
    struct kv_node node;
    int first; /* its first stream; the others have its number */
    bool is_outstanding;
    int64_t deadline_ms; /* of the outstanding read */
    int64_t retry_at_ms;
    bool asking; /* the next read goes to ask_at, where the slot is moving to */
    struct kv_address ask_at;
};

struct reader {
    struct kv *kv;
    int64_t block_ms;
    char group_name[NAME_SIZE], consumer[NAME_SIZE]; /* "" = plain reads */
    struct stream *streams;
    int stream_count;
    struct group *groups; /* NULL until it is known whether this is a cluster */
    int group_count;
    struct pollfd *fds; /* one per group */
    int turn;           /* the group that is looked at first */
    int found;          /* the stream that was looked for last */
    bool was_lost;
};

struct reader *reader_new(struct kv *kv, int64_t block_ms)
{
    struct reader *w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    w->kv = kv;
    w->block_ms = block_ms;
    return w;
}

void reader_free(struct reader *w)
{
    if (w == NULL)
        return;
    for (int g = 0; g < w->group_count; g++)
        kv_node_release(&w->groups[g].node);
    free(w->groups);
    free(w->fds);
    free(w->streams);
    free(w);
}

int reader_add(struct reader *w, const char *stream)
{
    w->streams = realloc(w->streams, (size_t)(w->stream_count + 1) * sizeof(*w->streams));
    if (w->streams == NULL)
        abort();
    struct stream *s = &w->streams[w->stream_count];
    *s = (struct stream){0};
    (void)snprintf(s->key, sizeof(s->key), "%s", stream);
    (void)snprintf(s->after, sizeof(s->after), "0-0");
    return w->stream_count++;
}

/* Replies are in the order of the streams, so that one looks from where the last was found. */
static int find_stream(struct reader *w, const char *key)
{
    for (int i = 0; i < w->stream_count; i++) {
        int s = (w->found + i) % w->stream_count;
        if (strcmp(w->streams[s].key, key) == 0)
            return w->found = s;
    }
    return -1;
}

int reader_stream(struct reader *w, const redisReply *reply, size_t place)
{
    const redisReply *r = place < reply->elements ? reply->element[place] : NULL;
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements < 2 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_ARRAY)
        return -1;
    return find_stream(w, r->element[0]->str);
}

int reader_pass(struct reader *w, const redisReply *reply, size_t place)
{
    int s = reader_stream(w, reply, place);
    if (s < 0)
        return -1;
    const redisReply *entries = reply->element[place]->element[1];
    const redisReply *last = entries->elements > 0 ? entries->element[entries->elements - 1] : NULL;
    if (last != NULL && last->type == REDIS_REPLY_ARRAY && last->elements > 0 &&
        last->element[0]->type == REDIS_REPLY_STRING)
        (void)snprintf(w->streams[s].after, CURSOR_SIZE, "%s", last->element[0]->str);
    return s;
}

bool reader_was_lost(struct reader *w)
{
    bool lost = w->was_lost;
    w->was_lost = false;
    return lost;
}

bool reader_has_failed(struct reader *w, int stream)
{
    bool failed = w->streams[stream].has_failed;
    w->streams[stream].has_failed = false;
    return failed;
}

static void note_failure(struct reader *w, const struct group *g)
{
    for (int s = g->first; s < w->stream_count; s++) {
        if (&w->groups[w->streams[s].group] == g)
            w->streams[s].has_failed = true;
    }
}

/* Gives up the group's connection; a read that is outstanding on it is lost. */
static void give_up(struct reader *w, struct group *g)
{
    note_failure(w, g);
    kv_node_drop(&g->node);
    w->was_lost = w->was_lost || g->is_outstanding;
    g->is_outstanding = false;
    g->retry_at_ms = mono_ms() + RETRY_MS + (int64_t)(id_random() % RETRY_MS);
    kv_cluster(w->kv)->stale = true; /* another node may serve the slot by now */
}

void reader_consume(struct reader *w, const char *group, const char *consumer)
{
    if (strcmp(w->group_name, group) == 0 && strcmp(w->consumer, consumer) == 0)
        return;
    (void)snprintf(w->group_name, NAME_SIZE, "%s", group);
    (void)snprintf(w->consumer, NAME_SIZE, "%s", consumer);
    for (int g = 0; g < w->group_count; g++) {
        if (w->groups[g].is_outstanding) {
            give_up(w, &w->groups[g]);
            w->groups[g].retry_at_ms = 0;
        }
    }
    w->was_lost = false; /* the caller knows */
}

/* ---- groups ---- */

static int slot_of_stream(const struct reader *w, int stream)
{
    const char *key = w->streams[stream].key;
    return slot_of_key(key, strlen(key));
}

static int find_group(const struct reader *w, int slot)
{
    for (int g = 0; g < w->group_count; g++) {
        if (slot_of_stream(w, w->groups[g].first) == slot)
            return g;
    }
    return -1;
}

static void make_groups(struct reader *w, bool one_for_all)
{
    w->groups = calloc((size_t)w->stream_count, sizeof(*w->groups));
    w->fds = calloc((size_t)w->stream_count, sizeof(*w->fds));
    if (w->groups == NULL || w->fds == NULL)
        abort();
    for (int s = 0; s < w->stream_count; s++) {
        int g = one_for_all ? w->group_count - 1 : find_group(w, slot_of_stream(w, s));
        if (g < 0) {
            g = w->group_count++;
            w->groups[g].first = s;
            kv_node_init(&w->groups[g].node, &kv_cluster(w->kv)->url, &(struct kv_address){0});
        }
        w->streams[s].group = g;
    }
}

static bool know_groups(struct reader *w, struct err *e)
{
    if (w->groups != NULL)
        return true;
    struct cluster *c = kv_cluster(w->kv);
    if (!cluster_know(c, e))
        return false;
    make_groups(w, !cluster_is_one(c) && w->stream_count <= FEW);
    return true;
}

/* ---- reading ---- */

static void add_read(const struct reader *w, int group, long count, struct kv_args *a)
{
    if (w->group_name[0] != '\0') {
        kv_adds(a, "XREADGROUP");
        kv_adds(a, "GROUP");
        kv_adds(a, w->group_name);
        kv_adds(a, w->consumer);
    } else {
        kv_adds(a, "XREAD");
    }
    kv_adds(a, "COUNT");
    kv_addi(a, count);
    kv_adds(a, "BLOCK");
    kv_addi(a, w->block_ms);
    kv_adds(a, "STREAMS");
    for (int s = w->groups[group].first; s < w->stream_count; s++) {
        if (w->streams[s].group == group)
            kv_adds(a, w->streams[s].key);
    }
    for (int s = w->groups[group].first; s < w->stream_count; s++) {
        if (w->streams[s].group == group)
            kv_adds(a, w->group_name[0] != '\0' ? ">" : w->streams[s].after);
    }
}

/* Connects the group to the node that has its streams. */
static bool connect_group(struct reader *w, struct group *g, struct err *e)
{
    struct cluster *c = kv_cluster(w->kv);
    struct kv_address at = g->ask_at;
    if (!g->asking && !cluster_address(c, slot_of_stream(w, g->first), &at, e))
        return false;
    if (!kv_address_equal(&at, &g->node.at)) {
        kv_node_release(&g->node);
        kv_node_init(&g->node, &c->url, &at);
        g->node.impatient = cluster_is_one(c);
    }
    return kv_node_ready(&g->node, e);
}

static bool send_read(struct reader *w, int group, long count, struct err *e)
{
    struct group *g = &w->groups[group];
    if (!connect_group(w, g, e) || (g->asking && !kv_node_say_asking(&g->node, e)))
        return false;
    g->asking = false;
    char *bytes;
    struct kv_args a;
    kv_args_init(&a);
    add_read(w, group, count, &a);
    int len = redisFormatCommandArgv(&bytes, a.n, a.v, a.len);
    kv_args_release(&a);
    if (len < 0)
        return err_set(e, ERR_BUG, "a read cannot be formatted");
    g->is_outstanding = true;
    bool ok = kv_node_append(&g->node, bytes, (size_t)len, e) && kv_node_flush(&g->node, e);
    redisFreeCommand(bytes);
    g->deadline_ms = mono_ms() + w->block_ms + MARGIN_MS;
    return ok;
}

/* Sends the reads that are due. The first failure is returned, all are tried. */
static bool send_reads(struct reader *w, long count, struct err *e)
{
    struct err later;
    bool ok = true;
    int64_t now = mono_ms();
    for (int g = 0; g < w->group_count; g++) {
        struct group *group = &w->groups[g];
        if (group->is_outstanding || now < group->retry_at_ms)
            continue;
        if (!send_read(w, g, count, ok ? e : &later)) {
            give_up(w, group);
            group->asking = false;
            ok = false;
        }
    }
    return ok;
}

/* What the server answered instead of entries. */
static bool refused(struct reader *w, struct group *g, const redisReply *r, struct err *e)
{
    if (!cluster_is_redirect(r)) {
        g->retry_at_ms = mono_ms() + RETRY_MS + (int64_t)(id_random() % RETRY_MS);
        return kv_node_refused(&g->node, r, e);
    }
    struct kv_node *to = cluster_redirect(kv_cluster(w->kv), &g->node, r, &g->asking);
    g->asking = g->asking && to != NULL;
    if (g->asking)
        g->ask_at = to->at;
    g->retry_at_ms = mono_ms() + REDIRECT_MS;
    return true;
}

/* The reply of a group whose connection has something to read. *ret stays NULL when there are no entries in it. */
static bool read_reply(struct reader *w, struct group *g, redisReply **ret, struct err *e)
{
    kv_node_set_timeout(&g->node, MARGIN_MS);
    redisReply *r = kv_node_read(&g->node, e);
    if (r == NULL) {
        give_up(w, g);
        return false;
    }
    g->is_outstanding = false;
    bool ok = r->type != REDIS_REPLY_ERROR || refused(w, g, r, e);
    if (ok && r->type == REDIS_REPLY_ARRAY)
        *ret = r;
    else
        freeReplyObject(r);
    return ok;
}

static bool check_deadline(struct reader *w, struct group *g, struct err *e)
{
    if (!g->is_outstanding || mono_ms() < g->deadline_ms)
        return true;
    give_up(w, g);
    return err_set(e, ERR_UNAVAILABLE, "redis %s:%d: a read was not answered in time",
                   g->node.at.host, g->node.at.port);
}

/* ---- waiting ---- */

/* Until when poll() may sleep: the deadline of a read, the next try of one that failed, or the caller's time. */
static int64_t next_moment(const struct reader *w, int64_t end, bool send)
{
    for (int g = 0; g < w->group_count; g++) {
        const struct group *group = &w->groups[g];
        if (group->is_outstanding && group->deadline_ms < end)
            end = group->deadline_ms;
        if (!group->is_outstanding && send && group->retry_at_ms < end)
            end = group->retry_at_ms;
    }
    return end;
}

static void wait_for_any(struct reader *w, int64_t until_ms)
{
    for (int g = 0; g < w->group_count; g++)
        w->fds[g] = (struct pollfd){
            .fd = w->groups[g].is_outstanding ? w->groups[g].node.ctx->fd : -1, .events = POLLIN};
    int64_t left = until_ms - mono_ms();
    if (poll(w->fds, (nfds_t)w->group_count, left > 0 ? (int)left : 0) < 0) {
        for (int g = 0; g < w->group_count; g++)
            w->fds[g].revents = 0; /* interrupted: nothing is known */
    }
}

/* Looks at each group that poll() named, until one has entries. */
static bool take_reply(struct reader *w, redisReply **ret, struct err *e)
{
    for (int i = 0; i < w->group_count; i++) {
        int g = (w->turn + i) % w->group_count;
        struct group *group = &w->groups[g];
        bool ok =
            w->fds[g].revents != 0 ? read_reply(w, group, ret, e) : check_deadline(w, group, e);
        if (!ok || *ret != NULL) {
            w->turn = (g + 1) % w->group_count;
            return ok;
        }
    }
    return true;
}

static bool anything_outstanding(const struct reader *w)
{
    for (int g = 0; g < w->group_count; g++) {
        if (w->groups[g].is_outstanding)
            return true;
    }
    return false;
}

bool reader_next(struct reader *w, long count, int64_t timeout_ms, redisReply **ret, struct err *e)
{
    int64_t end = mono_ms() + timeout_ms;
    *ret = NULL;
    if (!know_groups(w, e)) {
        sleep_ms(timeout_ms < RETRY_MS ? timeout_ms : RETRY_MS);
        return false;
    }
    do {
        struct err failure;
        bool sent = send_reads(w, count, &failure);
        wait_for_any(w, sent ? next_moment(w, end, true) : 0);
        if (!take_reply(w, ret, e))
            return false;
        if (*ret == NULL && !sent) {
            *e = failure;
            return false;
        }
    } while (*ret == NULL && mono_ms() < end);
    return true;
}

bool reader_finish(struct reader *w, redisReply **ret, struct err *e)
{
    *ret = NULL;
    while (*ret == NULL && anything_outstanding(w)) {
        wait_for_any(w, next_moment(w, INT64_MAX, false));
        if (!take_reply(w, ret, e))
            return false;
    }
    return true;
}
