#include "live.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "db.h"
#include "recorded.h"

enum { INPUT_MAX_BYTES = 512 << 20 };

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* It has passed the rules that may skip it; what they remember is restored by itself. What an operator had run again is a
 * run of its own, as it was when it came (match.c). */
static void make_start(struct live_event *x, struct event *ev, const struct manifest *m,
                       int partitions)
{
    bool again = ev->orders.retry_of != NULL || ev->orders.replay_of != NULL;
    start_make(&x->start, ev, m, partitions);
    start_add_rules(&x->start, ev, again ? START_SPREAD : START_SPREAD | START_COLLECTS,
                    later(0, wall_ms() - later(x->accepted_ms, x->ts_ms)));
}

static void take_identity(struct live *l, const PGresult *rows, int row)
{
    const char *retry_of = db_text(rows, row, "retry_of");
    (void)snprintf(l->run, ID_SIZE, "%s", db_text(rows, row, "run_id"));
    (void)snprintf(l->retry_of, ID_SIZE, "%s", retry_of != NULL ? retry_of : "");
}

bool live_add(struct live *l, const PGresult *rows, int row, const struct manifest *m,
              int partitions, struct err *e)
{
    struct event ev;
    bool ok = recorded_event(&ev, rows, row, e);
    if (ok) {
        l->events = realloc(l->events, (l->count + 1) * sizeof(*l->events));
        if (l->events == NULL)
            abort();
        struct live_event *x = &l->events[l->count++];
        ev.orders.parent = db_text(rows, row, "parent");
        ev.orders.retry_of = db_text(rows, row, "retry_of");
        ev.orders.replay_of = db_text(rows, row, "replay_of");
        *x = (struct live_event){.accepted_ms = ev.received_ms, .ts_ms = ev.ts_ms};
        make_start(x, &ev, m, partitions);
        x->input = event_input(&ev, &x->input_len);
        if (l->count == 1)
            take_identity(l, rows, row);
        if (strcmp(x->start.run, l->run) == 0)
            l->lead = l->count - 1;
    }
    event_release(&ev);
    return ok;
}

void live_release(struct live *l)
{
    for (size_t i = 0; i < l->count; i++) {
        start_release(&l->events[i].start);
        free(l->events[i].input);
    }
    free(l->events);
    *l = (struct live){0};
}

struct start *live_start(struct live *l)
{
    struct start *s = &l->events[l->lead].start;
    (void)snprintf(s->run, sizeof(s->run), "%s", l->run);
    return s;
}

const char *live_collect_key(struct live *l)
{
    return start_collect_key(live_start(l));
}

/* Of a debounce that does not keep all: the last one by its ts, of equal ones the one that came last. */
static const struct live_event *last_of(const struct live *l)
{
    const struct live_event *last = &l->events[0];
    for (size_t i = 1; i < l->count; i++) {
        if (l->events[i].ts_ms >= last->ts_ms)
            last = &l->events[i];
    }
    return last;
}

char *live_input(struct live *l, size_t *ret_len)
{
    struct buf b;
    buf_init(&b, INPUT_MAX_BYTES);
    bool keeps = start_keeps_all(live_start(l));
    bool ok = true;
    if (!keeps)
        ok = buf_add(&b, last_of(l)->input, last_of(l)->input_len);
    for (size_t i = 0; keeps && ok && i < l->count; i++)
        ok = buf_addc(&b, i == 0 ? '[' : ',') &&
             buf_add(&b, l->events[i].input, l->events[i].input_len);
    if (!ok || (keeps && !buf_addc(&b, ']')))
        abort(); /* what runs collect is bounded by the script */
    *ret_len = b.len;
    return buf_take(&b);
}
