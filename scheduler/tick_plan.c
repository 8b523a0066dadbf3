#include "tick_plan.h"

static int64_t due(const struct tick_rule *r, int64_t tick_ms)
{
    return tick_ms + cron_jitter_ms(r->fn, tick_ms, r->jitter_ms);
}

static void add(struct tick_plan *p, const struct tick_rule *r, int64_t tick_ms, long long skipped)
{
    p->ticks[p->len++] =
        (struct tick){.ms = tick_ms, .due_ms = due(r, tick_ms), .skipped = skipped};
}

/* Ticks are dealt with in their order, so that one that is put off for long may hold up others that were put off for less: none
 * of them is late before the longest delay is over. */
static bool is_missed(const struct tick_rule *r, int64_t tick_ms, int64_t now_ms)
{
    return tick_ms >= 0 && tick_ms + r->jitter_ms + r->grace_ms < now_ms;
}

/* Each is started, some now and the others next time. Returns the first tick after those. */
static int64_t plan_all(struct tick_plan *p, const struct tick_rule *r, int64_t tick_ms,
                        int64_t now_ms)
{
    for (; is_missed(r, tick_ms, now_ms) && p->len < TICKS_ONE_BY_ONE;
         tick_ms = cron_next(r->cron, tick_ms))
        add(p, r, tick_ms, 0);
    p->missed = (long long)p->len;
    return tick_ms;
}

/* None is started, or the last one. */
static int64_t plan_skips(struct tick_plan *p, const struct tick_rule *r, int64_t tick_ms,
                          int64_t now_ms)
{
    bool one = r->missed == MISSED_ONE;
    int64_t last_ms = -1, before_ms = -1; /* the last missed tick, and the one before it */
    for (; is_missed(r, tick_ms, now_ms); tick_ms = cron_next(r->cron, tick_ms)) {
        if (p->len < TICKS_ONE_BY_ONE)
            add(p, r, tick_ms, 1);
        before_ms = last_ms;
        last_ms = tick_ms;
        p->missed++;
    }
    long long rest = p->missed - (long long)p->len;
    if (rest > one)
        add(p, r, one ? before_ms : last_ms, rest - one);
    if (rest > 0 && one)
        add(p, r, last_ms, 0);
    else if (p->len > 0 && one)
        p->ticks[p->len - 1].skipped = 0;
    return tick_ms;
}

void tick_plan_make(struct tick_plan *p, const struct tick_rule *r, int64_t last_ms, int64_t now_ms)
{
    p->len = 0;
    p->missed = 0;
    int64_t tick_ms = cron_next(r->cron, last_ms);
    tick_ms = (r->missed == MISSED_ALL ? plan_all : plan_skips)(p, r, tick_ms, now_ms);
    bool more = is_missed(r, tick_ms, now_ms);
    for (size_t n = 0; !more && tick_ms >= 0 && due(r, tick_ms) <= now_ms;
         tick_ms = cron_next(r->cron, tick_ms)) {
        more = n++ == TICKS_ONE_BY_ONE;
        if (!more)
            add(p, r, tick_ms, 0);
    }
    p->wait_ms = more ? 0 : tick_ms < 0 ? -1 : due(r, tick_ms) - now_ms;
}
