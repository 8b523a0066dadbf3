#include "admission.h"

#include <string.h>

#include "carry.h"
#include "log.h"
#include "metrics.h"

enum outcome { OUTCOME_WAITING = 1, OUTCOME_PARKED = 2, OUTCOME_JOINED = 4, OUTCOME_SKIPPED = 5 };

static bool is_new(const struct routed *x, const struct start *s, int partition)
{
    return routed_may_start(x) && s->state == START_NEW && s->partition == partition;
}

static size_t count_new(const struct routed *list, size_t n, int partition)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < list[i].start_count; s++)
            count += is_new(&list[i], &list[i].starts[s], partition);
    }
    return count;
}

static void write_new(struct kv_args *a, struct routed *list, size_t n, int partition)
{
    for (size_t i = 0; i < n; i++) {
        struct routed *x = &list[i];
        for (size_t s = 0; s < x->start_count; s++) {
            if (!is_new(x, &x->starts[s], partition))
                continue;
            size_t len;
            const char *input = routed_input(x, &len);
            start_write(a, &x->starts[s], x->ev.came_ms,
                        x->ev.ts_ms > x->ev.came_ms ? x->ev.ts_ms : 0, input, len);
        }
    }
}

/* The rule by which a run is skipped stands before the colon. */
static void measure(const struct start *s, long long outcome, const char *text)
{
    static const char *const names[] = {"admitted", "waiting", "parked",
                                        "known",    "joined",  "skipped"};
    char rule[32];
    const char *reason = outcome == OUTCOME_WAITING ? "limit" : "schedule";
    if (!metrics_are_on() || outcome < 0 || outcome >= (long long)ARRAY_LEN(names))
        return;
    metric_add(METRIC_ENQUEUED, 1, s->fn->id, names[outcome]);
    if (outcome == OUTCOME_SKIPPED) {
        int n = (int)strcspn(text, ":");
        (void)snprintf(rule, sizeof(rule), "%.*s", n, text[n] == ':' ? text : "rule");
        reason = rule;
    }
    if (outcome == OUTCOME_WAITING || outcome == OUTCOME_PARKED || outcome == OUTCOME_SKIPPED)
        metric_add(METRIC_DENIED, 1, s->fn->id, reason);
}

/* A run's outcome is a number, or a list of a number and a text. */
static bool note(struct routing *r, const struct event *ev, struct start *s,
                 const redisReply *outcome, struct err *e)
{
    const char *text = outcome->type == REDIS_REPLY_ARRAY && outcome->elements == 2
                           ? outcome->element[1]->str
                           : "";
    char trace_id[TRACE_ID_SIZE];
    /* a number alone is what its reply is: kv_int_at reads elements of lists */
    long long code =
        outcome->type == REDIS_REPLY_INTEGER ? outcome->integer : kv_int_at(outcome, 0, 0);
    measure(s, code, text);
    s->state = START_DONE;
    switch (code) {
    case OUTCOME_JOINED:
        log_debug("event joined a run that collects", "run", text, "fn", s->fn->id, LOG_END);
        (void)snprintf(s->run, sizeof(s->run), "%s", text);
        return true;
    case OUTCOME_SKIPPED:
        log_info("run skipped", "run", s->run, "fn", s->fn->id, "reason", text, "trace_id",
                 event_trace_id(ev, trace_id), LOG_END);
        start_skip(s, text);
        return !s->begun || carry_back(r->kv, s, e);
    default:
        return true;
    }
}

static bool note_all(struct routing *r, struct routed *list, size_t n, int partition,
                     const redisReply *reply, struct err *e)
{
    size_t at = 1;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < list[i].start_count && at < reply->elements; s++) {
            if (is_new(&list[i], &list[i].starts[s], partition))
                ok = note(r, &list[i].ev, &list[i].starts[s], reply->element[at++], e) && ok;
        }
    }
    return ok;
}

static bool enqueue(struct routing *r, struct routed *list, size_t n, int partition, struct err *e)
{
    size_t count = count_new(list, n, partition);
    if (count == 0)
        return true;
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, r->name);
    kv_addi(&a, (int64_t)count);
    write_new(&a, list, n, partition);
    uint64_t breaks = kv_disturbances(r->kv);
    auto_reply *reply = kv_script(r->kv, "enqueue", prefix, &a, e);
    kv_args_release(&a);
    r->unanswered = r->unanswered || kv_disturbances(r->kv) != breaks;
    if (reply == NULL)
        return false;
    if (kv_int_at(reply, 0, 1) != 0)
        return err_set(e, ERR_STALE, "fenced");
    if (reply->elements != count + 1)
        return err_set(e, ERR_BUG, "enqueue answered %zu outcomes for %zu runs",
                       reply->elements - 1, count);
    return note_all(r, list, n, partition, reply, e);
}

bool admission_enqueue(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    for (int p = 0; p < r->conf->partitions; p++) {
        if (!enqueue(r, list, n, p, e))
            return false;
    }
    return true;
}
