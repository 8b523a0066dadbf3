#include "committer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "measure.h"

enum {
    BATCH = 64, /* outcomes in one call: a script must stay far below a millisecond per outcome */
    BATCH_BYTES = 4 << 20, /* of them; one that is larger goes alone */
    BACKLOG = 4096,        /* outcomes that may wait before threads are held back */
    BACKLOG_BYTES = 256 << 20,
    RETRY_MS = 100,
    REFUSED_DELAY_MS = 5 * 60 * 1000, /* time for a person to mend what Redis refuses */
    LINE_MAX_BYTES = 1 << 16,
};

/* What is known of a partition's server. */
struct part {
    int64_t away_until_ms; /* monotonic; nothing is sent there before */
    bool warned;
};

struct committer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work, room;
    struct outcome *first, **last;
    size_t waiting, waiting_bytes;
    bool stopping;
    int64_t stop_by_ms; /* monotonic; valid when stopping */

    struct kv *kv; /* the thread's */
    struct part parts[MAX_PARTITIONS];
    const char *worker_id;
    struct inhand *inhand;
};

static const char *const op_names[] = {"next", "park", "finish", "return"};

static void add_pairs(struct kv_args *a, const struct pair *pairs, int count)
{
    kv_addi(a, count);
    for (int i = 0; i < count; i++) {
        kv_adds(a, pairs[i].name);
        kv_adds(a, pairs[i].value);
    }
}

static void add_outcome(struct kv_args *a, const struct outcome *o)
{
    kv_adds(a, op_names[o->op]);
    kv_adds(a, o->fn);
    kv_adds(a, o->entry);
    kv_adds(a, o->run);
    kv_addi(a, o->delay_ms);
    add_pairs(a, o->fields, o->field_count);
    add_pairs(a, o->results, o->result_count);
    add_pairs(a, o->events, o->event_count);
    add_pairs(a, o->extras, o->extra_count);
    kv_add(a, o->body.data, o->body.len);
}

static size_t bytes_of_pairs(const struct pair *pairs, int count)
{
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += strlen(pairs[i].name) + strlen(pairs[i].value);
    return sum;
}

/* When it is submitted and nobody else is held up. */
static void count_bytes(struct outcome *o)
{
    o->bytes = bytes_of_pairs(o->fields, o->field_count) +
               bytes_of_pairs(o->results, o->result_count) +
               bytes_of_pairs(o->events, o->event_count) +
               bytes_of_pairs(o->extras, o->extra_count) + o->body.len;
}

/* To the end of the queue again; for the committer's own thread, which must not wait for room. */
static void append(struct committer *c, struct outcome *o)
{
    o->next = NULL;
    *c->last = o;
    c->last = &o->next;
    c->waiting++;
    c->waiting_bytes += o->bytes;
}

static void send_again(struct committer *c, struct outcome *o)
{
    count_bytes(o);
    (void)pthread_mutex_lock(&c->lock);
    append(c, o);
    (void)pthread_mutex_unlock(&c->lock);
}

/* The outcome may be gone the moment its waiter is woken. */
static void finish(struct committer *c, struct outcome *o, enum commit_code code)
{
    if (o->op != OUTCOME_NEXT || code == COMMIT_STALE || code == COMMIT_CANCELLED)
        inhand_remove(c->inhand, o->partition, o->fn, o->entry);
    o->code = code;
    if (o->done != NULL)
        (void)sem_post(o->done);
    else
        outcome_free(o);
}

static void note(const struct outcome *o, enum commit_code code)
{
    if (code == COMMIT_STALE)
        log_warn("late result refused: the run belongs to another worker now", "run", o->run,
                 "trace_id", o->trace_id, "fn", o->fn, LOG_END);
    else if (code == COMMIT_CANCELLED)
        log_info("run was cancelled", "run", o->run, "trace_id", o->trace_id, "fn", o->fn, LOG_END);
    else if (code == COMMIT_CONFLICT)
        log_error("another result is stored for this step", "run", o->run, "trace_id", o->trace_id,
                  "fn", o->fn, "step", o->result_count > 0 ? o->results[0].name : "", LOG_END);
}

/* What the run's last step did is told all the same: people look for it. */
static void note_cancelled(struct committer *c, const struct outcome *o)
{
    auto_buf line = BUF_INIT(LINE_MAX_BYTES);
    char prefix[PREFIX_SIZE];
    struct err e;
    if (!outcome_cancelled_line(o, &line))
        return;
    struct kv_args a;
    key_prefix(o->partition, prefix);
    kv_args_init(&a);
    kv_add(&a, line.data, line.len);
    auto_reply *r = kv_script(c->kv, "note_lines", prefix, &a, &e);
    kv_args_release(&a);
    if (r == NULL)
        log_warn("the last step of a cancelled run is left out of its history", "run", o->run,
                 "trace_id", o->trace_id, "error", e.msg, LOG_END);
}

/* A pause whose result is stored already has not ended its lease: the run is given back and goes on from what is stored.
 * Where the lease did end and only the word of it was lost, giving back changes nothing. */
static void settle(struct committer *c, struct outcome *o, enum commit_code code)
{
    if (o->op == OUTCOME_PARK && o->result_count > 0 &&
        (code == COMMIT_CONFLICT || code == COMMIT_REPEATED)) {
        outcome_strip(o, OUTCOME_RETURN, 0);
        send_again(c, o);
    } else {
        finish(c, o, code);
    }
}

/* One call for outcomes of one partition. false: nothing is known, send again. */
static bool commit_batch(struct committer *c, struct outcome **batch, size_t n, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(batch[0]->partition, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, c->worker_id);
    kv_addi(&a, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        add_outcome(&a, batch[i]);
    auto_reply *r = kv_script(c->kv, "commit", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != n)
        return err_set(e, ERR_BUG, "commit answered %zu codes for %zu outcomes", r->elements, n);
    for (size_t i = 0; i < n; i++) {
        enum commit_code code = (enum commit_code)kv_int_at(r, i, COMMIT_CONFLICT);
        note(batch[i], code);
        measure_commit(batch[i], code);
        if (code == COMMIT_CANCELLED)
            note_cancelled(c, batch[i]);
        settle(c, batch[i], code);
    }
    return true;
}

/* ---- the queue ---- */

static bool is_past_the_end(const struct committer *c)
{
    return c->stopping && mono_ms() >= c->stop_by_ms;
}

/* The first outcome that can be sent: one whose partition cannot be reached holds up none of the others. */
static struct outcome **find_sendable(struct committer *c)
{
    int64_t now = mono_ms();
    struct outcome **at = &c->first;
    while (*at != NULL && now < c->parts[(*at)->partition].away_until_ms && !is_past_the_end(c))
        at = &(*at)->next;
    return at;
}

/* Until there is something new, or a partition is to be tried again. */
static void wait_for_work(struct committer *c)
{
    if (c->first == NULL) {
        (void)pthread_cond_wait(&c->work, &c->lock);
        return;
    }
    struct timespec until = mono_after(RETRY_MS / 2);
    (void)pthread_cond_timedwait(&c->work, &c->lock, &until);
}

/* Takes outcomes of one partition off the queue, as many as one call may have; 0 when stopping and all is done. One that does
 * not fit is the first of a later call. */
static size_t take_batch(struct committer *c, struct outcome **batch)
{
    size_t n = 0, bytes = 0;
    (void)pthread_mutex_lock(&c->lock);
    struct outcome **at = find_sendable(c);
    while (*at == NULL && (c->first != NULL || !c->stopping)) {
        wait_for_work(c);
        at = find_sendable(c);
    }
    while (*at != NULL && n < BATCH) {
        struct outcome *o = *at;
        if (n > 0 && o->partition != batch[0]->partition) {
            at = &o->next;
            continue;
        }
        if (n > 0 && bytes + o->bytes > BATCH_BYTES)
            break;
        *at = o->next;
        batch[n++] = o;
        bytes += o->bytes;
    }
    c->last = &c->first;
    while (*c->last != NULL)
        c->last = &(*c->last)->next;
    c->waiting -= n;
    c->waiting_bytes -= bytes;
    (void)pthread_cond_broadcast(&c->room);
    (void)pthread_mutex_unlock(&c->lock);
    return n;
}

static void give_up(struct committer *c, struct outcome **batch, size_t n)
{
    log_error("stopped before redis took the last outcomes; they will be run again", LOG_END);
    for (size_t i = 0; i < n; i++) {
        measure_commit(batch[i], COMMIT_LOST);
        finish(c, batch[i], COMMIT_LOST);
    }
}

/* Nothing is known of them: they are sent again when their partition may be back. A run has one outcome at a time, so that
 * their order does not matter. */
static void put_back(struct committer *c, struct outcome **batch, size_t n, const struct err *e)
{
    struct part *part = &c->parts[batch[0]->partition];
    if (!part->warned)
        log_warn("commit is waiting for redis", "error", e->msg, LOG_END);
    part->warned = true;
    (void)pthread_mutex_lock(&c->lock);
    bool past = is_past_the_end(c);
    part->away_until_ms = mono_ms() + RETRY_MS;
    for (size_t i = 0; i < n && !past; i++)
        append(c, batch[i]);
    (void)pthread_mutex_unlock(&c->lock);
    if (past)
        give_up(c, batch, n);
}

/* ---- sending ---- */

/* Redis does not take this outcome, whatever the reason. Who waits for the answer ends the run as failed; else the run is
 * put aside, which needs the least of Redis, and tried again later. */
static void handle_refusal(struct committer *c, struct outcome *o, const struct err *e)
{
    log_error("outcome refused", "run", o->run, "trace_id", o->trace_id, "fn", o->fn, "outcome",
              op_names[o->op], "error", e->msg, LOG_END);
    measure_commit(o, COMMIT_REFUSED);
    if (o->done != NULL) {
        finish(c, o, COMMIT_REFUSED);
    } else if (!o->refused) {
        o->refused = true;
        outcome_strip(o, OUTCOME_PARK, REFUSED_DELAY_MS);
        send_again(c, o);
    } else {
        log_error("the run stays with this worker until it restarts", "run", o->run, "trace_id",
                  o->trace_id, LOG_END);
        finish(c, o, COMMIT_LOST);
    }
}

/* false: refused, waiting does not help. */
static bool commit_or_put_back(struct committer *c, struct outcome **batch, size_t n, struct err *e)
{
    struct part *part = &c->parts[batch[0]->partition];
    if (commit_batch(c, batch, n, e)) {
        part->warned = false;
        return true;
    }
    if (e->code != ERR_UNAVAILABLE)
        return false;
    put_back(c, batch, n, e);
    return true;
}

/* Sends one by one what was refused as a batch, so that one bad outcome does not hold back the others. */
static void commit_singly(struct committer *c, struct outcome **batch, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err e;
        if (!commit_or_put_back(c, &batch[i], 1, &e))
            handle_refusal(c, batch[i], &e);
    }
}

static void *commit_loop(void *arg)
{
    struct committer *c = arg;
    struct outcome *batch[BATCH];
    size_t n;
    while ((n = take_batch(c, batch)) > 0) {
        struct err e;
        if (!commit_or_put_back(c, batch, n, &e)) {
            log_error("commit refused", "error", e.msg, LOG_END);
            commit_singly(c, batch, n);
        }
    }
    return NULL;
}

struct committer *committer_start(const struct conf *conf, const char *worker_id,
                                  struct inhand *inhand, struct err *e)
{
    struct committer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->kv = kv_new(conf->redis_url, e);
    if (c->kv == NULL) {
        free(c);
        return NULL;
    }
    c->last = &c->first;
    c->worker_id = worker_id;
    c->inhand = inhand;
    (void)pthread_mutex_init(&c->lock, NULL);
    mono_cond_init(&c->work);
    (void)pthread_cond_init(&c->room, NULL);
    if (pthread_create(&c->thread, NULL, commit_loop, c) != 0)
        abort(); /* at start: nothing was claimed yet */
    return c;
}

void committer_stop(struct committer *c, int64_t grace_ms)
{
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    c->stop_by_ms = mono_ms() + grace_ms;
    (void)pthread_cond_broadcast(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    kv_free(c->kv);
}

void committer_free(struct committer *c)
{
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->room);
    free(c);
}

static void enqueue(struct committer *c, struct outcome *o)
{
    count_bytes(o);
    (void)pthread_mutex_lock(&c->lock);
    while ((c->waiting >= BACKLOG || c->waiting_bytes >= BACKLOG_BYTES) && !c->stopping)
        (void)pthread_cond_wait(&c->room, &c->lock);
    append(c, o);
    (void)pthread_cond_signal(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
}

void committer_submit(struct committer *c, struct outcome *o)
{
    o->done = NULL;
    enqueue(c, o);
}

enum commit_code committer_wait(struct committer *c, struct outcome *o)
{
    sem_t done;
    (void)sem_init(&done, 0, 0);
    // cppcheck-suppress autoVariables ; the committer is done with it before this function returns
    o->done = &done;
    enqueue(c, o);
    while (sem_wait(&done) != 0) {
        /* only EINTR can happen, and signals are blocked in this thread */
    }
    enum commit_code code = o->code;
    outcome_free(o);
    (void)sem_destroy(&done);
    return code;
}
