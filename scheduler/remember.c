#include "remember.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "log.h"
#include "recorded.h"
#include "start.h"

enum { PAGE = 200 };

/* A page of starts. */
struct page {
    const struct conf *conf;
    struct kv *kv;
    const struct manifest *fn;
    const PGresult *rows;
    struct start starts[PAGE];
    int64_t elapsed_ms[PAGE];
    size_t count;
};

static int64_t memory_ms(const struct manifest *m)
{
    int64_t once_ms = m->idempotency.key != NULL ? m->idempotency.period_ms : 0;
    int64_t rate_ms = m->rate_limit.max > 0 ? m->rate_limit.period_ms : 0;
    return once_ms > rate_ms ? once_ms : rate_ms;
}

static void read_start(struct page *p, int row)
{
    struct event ev;
    struct err e;
    if (recorded_event(&ev, p->rows, row, &e)) {
        struct start *s = &p->starts[p->count];
        start_make(s, &ev, p->fn, (int)p->conf->partitions);
        start_add_gates(s, &ev);
        (void)snprintf(s->run, sizeof(s->run), "%s", db_text(p->rows, row, "run_id"));
        p->elapsed_ms[p->count++] = wall_ms() - ev.received_ms;
    } else {
        log_error("an accepted event cannot be read back; no rule remembers it", "event",
                  db_text(p->rows, row, "id"), "error", e.msg, LOG_END);
    }
    event_release(&ev);
}

static const char *rule_of(const struct start *s, const char *name)
{
    const char *rule = start_find_rule(s, name);
    return rule != NULL ? rule : "";
}

static size_t write_partition(struct kv_args *a, const struct page *p, int partition)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct start *s = &p->starts[i];
        if (s->partition != partition || s->option_count == 0)
            continue;
        kv_adds(a, s->run);
        kv_addi(a, p->elapsed_ms[i] > 0 ? p->elapsed_ms[i] : 0);
        kv_adds(a, rule_of(s, "once"));
        kv_adds(a, rule_of(s, "rate"));
        count++;
    }
    return count;
}

static bool remember_partition(struct page *p, int partition, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, p->fn->id);
    size_t count = write_partition(&a, p, partition);
    auto_reply *r = count > 0 ? kv_script(p->kv, "remember_starts", prefix, &a, e) : NULL;
    kv_args_release(&a);
    return count == 0 || r != NULL;
}

static bool remember_page(const struct conf *c, struct kv *kv, const struct manifest *m,
                          const PGresult *rows, struct err *e)
{
    struct page *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    *p = (struct page){.conf = c, .kv = kv, .fn = m, .rows = rows};
    for (int i = 0; i < PQntuples(rows); i++)
        read_start(p, i);
    bool ok = true;
    for (int k = 0; ok && k < c->partitions; k++)
        ok = remember_partition(p, k, e);
    for (size_t i = 0; i < p->count; i++)
        start_release(&p->starts[i]);
    free(p);
    return ok;
}

static bool remember_function(const struct conf *c, struct kv *kv, struct db *db,
                              const struct manifest *m, struct err *e)
{
    char since[24], after[ID_SIZE] = "", most[16];
    (void)snprintf(since, sizeof(since), "%lld", (long long)(wall_ms() - memory_ms(m)));
    (void)snprintf(most, sizeof(most), "%d", PAGE);
    for (;;) {
        auto_result *rows = DB_QUERY(db, e, "find_starts", m->id, since, after, most);
        if (rows == NULL || !remember_page(c, kv, m, rows, e))
            return false;
        int n = PQntuples(rows);
        if (n < PAGE)
            return true;
        (void)snprintf(after, sizeof(after), "%s", db_text(rows, n - 1, "id"));
    }
}

bool remember_starts(const struct conf *c, struct kv *kv, struct db *db,
                     const struct functions *functions, struct err *e)
{
    for (size_t i = 0; i < functions->len; i++) {
        const struct manifest *m = functions->items[i];
        if (memory_ms(m) > 0 && !remember_function(c, kv, db, m, e))
            return false;
    }
    return true;
}
