#include "carry.h"

#include "log.h"

static bool put_results(struct kv *kv, const struct start *s, const PGresult *steps, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(s->partition, prefix);
    for (int i = 0; i < PQntuples(steps); i++) {
        const char *result = db_text(steps, i, "result");
        if (!kv_pushf(kv, e, "HSETNX %s:steps:%s %s %s", prefix, s->run, db_text(steps, i, "step"),
                      result != NULL ? result : "null"))
            return false;
    }
    bool ok = true;
    for (int i = 0; i < PQntuples(steps); i++) {
        struct err later;
        auto_reply *reply = kv_pull(kv, ok ? e : &later);
        ok = ok && reply != NULL;
    }
    return ok;
}

/* A transactional step may have taken effect without a word of it reaching Redis: the new run finds it in the ledger as the old
 * one would have. */
bool carry_results(struct kv *kv, struct db *db, const char *from, struct start *s, struct err *e)
{
    char accepted[24], count[16];
    (void)snprintf(accepted, sizeof(accepted), "%lld", (long long)id_ms(s->run));
    auto_result *steps = DB_QUERY(db, e, "carried_steps", from);
    if (steps == NULL || !DB_EXEC(db, e, "carry_ledger", from, s->run, accepted) ||
        !put_results(kv, s, steps, e))
        return false;
    s->begun = s->begun || PQntuples(steps) > 0;
    (void)snprintf(count, sizeof(count), "%d", PQntuples(steps));
    log_info("a run goes on from where another ended", "run", s->run, "of", from, "steps", count,
             LOG_END);
    return true;
}

bool carry_retries(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct routed *x = &list[i];
        const char *from = x->ev.orders.retry_of;
        char trace_id[TRACE_ID_SIZE];
        if (from != NULL)
            log_trace(event_trace_id(&x->ev, trace_id), NULL);
        for (size_t s = 0; ok && routed_may_start(x) && from != NULL && s < x->start_count; s++) {
            if (x->starts[s].state == START_NEW)
                ok = carry_results(r->kv, r->db, from, &x->starts[s], e);
        }
    }
    log_trace(NULL, NULL);
    return ok;
}

bool carry_back(struct kv *kv, const struct start *s, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(s->partition, prefix);
    auto_reply *reply = kv_cmd(kv, e, "UNLINK %s:steps:%s", prefix, s->run);
    return reply != NULL;
}
