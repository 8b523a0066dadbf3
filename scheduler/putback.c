#include "putback.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "carry.h"
#include "clock.h"
#include "key.h"
#include "log.h"

enum { IDS_MAX_BYTES = 1 << 20, OUTCOME_SKIPPED = 5 };

/* ---- by id ---- */

static struct live *find_run(struct putback *p, const char *run)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->list[i].run, run) == 0)
            return &p->list[i];
    }
    return NULL;
}

/* Asks Postgres by the ids of all the runs. */
static PGresult *ask_by_ids(struct putback *p, const char *query, struct err *e)
{
    auto_buf ids = BUF_INIT(IDS_MAX_BYTES);
    for (size_t i = 0; i < p->count; i++) {
        if (!buf_addf(&ids, "%c%s", i == 0 ? '{' : ',', p->list[i].run))
            return err_null(e, ERR_BUG, "too many ids");
    }
    if (!buf_addc(&ids, '}'))
        return err_null(e, ERR_BUG, "too many ids");
    const char *params[] = {ids.data};
    return db_query(p->db, query, params, 1, e);
}

/* ---- which were lost ---- */

/* Forgets a run; the last one takes its place. */
static void leave_out(struct putback *p, struct live *l)
{
    live_release(l);
    *l = p->list[--p->count];
}

static bool leave_out_present(struct putback *p, struct err *e)
{
    bool there[PUT_TOGETHER], ok = true;
    for (size_t i = 0; i < p->count; i++) {
        char prefix[PREFIX_SIZE];
        key_prefix(live_start(&p->list[i])->partition, prefix);
        if (!kv_pushf(p->kv, e, "EXISTS %s:run:%s", prefix, p->list[i].run))
            return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        struct err later;
        auto_reply *r = kv_pull(p->kv, ok ? e : &later);
        ok = ok && r != NULL;
        there[i] = r != NULL && r->integer != 0;
    }
    for (size_t i = p->count; ok && i-- > 0;) {
        if (there[i])
            leave_out(p, &p->list[i]);
    }
    return ok;
}

static bool leave_out_ended(struct putback *p, struct err *e)
{
    if (p->count == 0)
        return true;
    auto_result *ended = ask_by_ids(p, "finished_runs", e);
    for (int i = 0; ended != NULL && i < PQntuples(ended); i++) {
        struct live *l = find_run(p, db_text(ended, i, "id"));
        if (l != NULL)
            leave_out(p, l);
    }
    return ended != NULL;
}

/* ---- results ---- */

static bool push_step(struct putback *p, const PGresult *steps, int row, struct err *e)
{
    const char *run = db_text(steps, row, "run_id"), *result = db_text(steps, row, "result");
    char prefix[PREFIX_SIZE];
    struct live *l = find_run(p, run);
    live_start(l)->begun = true;
    key_prefix(live_start(l)->partition, prefix);
    return kv_pushf(p->kv, e, "HSETNX %s:steps:%s %s %s", prefix, run, db_text(steps, row, "step"),
                    result != NULL ? result : "null");
}

/* A run that retries another one goes on from what that one had done, too. */
static bool carry_all(struct putback *p, struct err *e)
{
    for (size_t i = 0; i < p->count; i++) {
        struct live *l = &p->list[i];
        if (l->retry_of[0] != '\0' && !carry_results(p->kv, p->db, l->retry_of, live_start(l), e))
            return false;
    }
    return true;
}

static bool put_results(struct putback *p, struct err *e)
{
    auto_result *steps = ask_by_ids(p, "recorded_steps", e);
    if (steps == NULL)
        return false;
    for (int i = 0; i < PQntuples(steps); i++) {
        if (!push_step(p, steps, i, e))
            return false;
    }
    bool ok = true;
    for (int i = 0; i < PQntuples(steps); i++) {
        struct err later;
        auto_reply *r = kv_pull(p->kv, ok ? e : &later);
        ok = ok && r != NULL;
    }
    return ok && carry_all(p, e);
}

/* ---- runs ---- */

/* A run of several events that still collects is put back event by event, as it came, the one that it has its id from first;
 * any other is whole. */
static size_t parts_of(struct live *l)
{
    return live_collect_key(l) != NULL ? l->count : 1;
}

static void write_event(struct kv_args *a, const struct live_event *x)
{
    start_write(a, &x->start, x->accepted_ms, x->ts_ms > x->accepted_ms ? x->ts_ms : 0, x->input,
                x->input_len);
}

static void write_run(struct kv_args *a, struct live *l)
{
    (void)live_start(l);
    write_event(a, &l->events[l->lead]);
    for (size_t i = 0; parts_of(l) > 1 && i < l->count; i++) {
        if (i != l->lead)
            write_event(a, &l->events[i]);
    }
}

/* Replaces the events of a run that collects no more by the one input that it has. */
static void close_run(struct live *l)
{
    struct live_event *lead = &l->events[l->lead];
    size_t len;
    char *input = live_input(l, &len);
    free(lead->input);
    lead->input = input;
    lead->input_len = len;
    start_drop_rules(live_start(l), START_COLLECTS);
}

/* What has begun has passed all rules. */
static void settle(struct live *l)
{
    bool begun = live_start(l)->begun;
    if (live_collect_key(l) != NULL && (begun || !l->collects))
        close_run(l);
    if (begun)
        start_drop_rules(live_start(l), START_SPREAD);
}

static redisReply *call_enqueue(struct putback *p, int partition, const struct kv_args *runs,
                                size_t count, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, p->name);
    kv_addi(&a, (int64_t)count);
    for (int i = 0; i < runs->n; i++)
        kv_add(&a, runs->v[i], runs->len[i]);
    redisReply *r = kv_script(p->kv, "enqueue", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL || (kv_int_at(r, 0, 1) == 0 && r->elements == count + 1))
        return r;
    freeReplyObject(r);
    return err_null(e, ERR_UNAVAILABLE, "fenced while rebuilding");
}

/* Two live runs where the function allows one by now: it was accepted, so it runs. */
static bool insist(struct putback *p, struct live *l, const char *why, struct err *e)
{
    log_warn("a run that was accepted is put back although a rule would skip it", "run", l->run,
             "rule", why, LOG_END);
    start_drop_rule(live_start(l), "single");
    struct kv_args a;
    kv_args_init(&a);
    write_event(&a, &l->events[l->lead]);
    auto_reply *r = call_enqueue(p, live_start(l)->partition, &a, 1, e);
    kv_args_release(&a);
    return r != NULL;
}

static bool check_outcome(struct putback *p, struct live *l, const redisReply *outcome,
                          struct err *e)
{
    if (kv_int_at(outcome, 0, 0) != OUTCOME_SKIPPED)
        return true;
    return insist(p, l, outcome->element[1]->str, e);
}

/* The outcomes stand in the order in which the runs' events were written. */
static bool check_outcomes(struct putback *p, int partition, const redisReply *outcomes,
                           struct err *e)
{
    size_t at = 1;
    for (size_t i = 0; i < p->count; i++) {
        struct live *l = &p->list[i];
        if (live_start(l)->partition != partition)
            continue;
        if (!check_outcome(p, l, outcomes->element[at], e))
            return false;
        at += parts_of(l);
    }
    return true;
}

static bool put_partition(struct putback *p, int partition, struct err *e)
{
    struct kv_args a;
    size_t count = 0;
    kv_args_init(&a);
    for (size_t i = 0; i < p->count; i++) {
        struct live *l = &p->list[i];
        if (live_start(l)->partition != partition)
            continue;
        write_run(&a, l);
        count += parts_of(l);
    }
    auto_reply *outcomes = NULL;
    if (count > 0)
        outcomes = call_enqueue(p, partition, &a, count, e);
    kv_args_release(&a);
    if (outcomes == NULL)
        return count == 0;
    return check_outcomes(p, partition, outcomes, e);
}

bool putback_flush(struct putback *p, struct err *e)
{
    if (!leave_out_present(p, e) || !leave_out_ended(p, e))
        return false;
    if (p->count == 0)
        return true;
    if (!put_results(p, e))
        return false;
    for (size_t i = 0; i < p->count; i++)
        settle(&p->list[i]);
    for (int k = 0; k < p->conf->partitions; k++) {
        if (!put_partition(p, k, e))
            return false;
    }
    p->runs += (long long)p->count;
    putback_release(p);
    return true;
}

bool putback_add(struct putback *p, struct live *l, bool collects, struct err *e)
{
    l->collects = collects;
    p->list[p->count++] = *l;
    *l = (struct live){0};
    return p->count < PUT_TOGETHER || putback_flush(p, e);
}

void putback_release(struct putback *p)
{
    for (size_t i = 0; i < p->count; i++)
        live_release(&p->list[i]);
    p->count = 0;
}
