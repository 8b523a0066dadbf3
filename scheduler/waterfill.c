#include "waterfill.h"

#include <stdlib.h>

static long sum_of_demand(const struct need *needs, int n)
{
    long sum = 0;
    for (int i = 0; i < n; i++)
        sum += needs[i].demand;
    return sum;
}

/* One more for each of `left` that may have more, those first that have most. */
static void give_remainder(struct need *needs, int n, long left, const bool *may_have, bool by_turn,
                           unsigned turn)
{
    bool *given = calloc((size_t)n + 1, sizeof(*given));
    if (given == NULL)
        abort();
    for (; left > 0; left--) {
        int best = -1;
        for (int k = 0; k < n; k++) {
            int i = (int)(((unsigned)k + turn) % (unsigned)n);
            if (may_have[i] && !given[i] &&
                (best < 0 || (!by_turn && needs[i].has > needs[best].has)))
                best = i;
        }
        if (best < 0)
            break;
        given[best] = true;
        needs[best].target++;
    }
    free(given);
}

/* `each` gets a part of what is left beyond all needs. */
static void spread(struct need *needs, int n, long left, const bool *each, unsigned turn)
{
    long count = 0;
    for (int i = 0; i < n; i++)
        count += each[i];
    if (count == 0)
        return;
    for (int i = 0; i < n; i++)
        needs[i].target += each[i] ? left / count : 0;
    give_remainder(needs, n, left % count, each, false, turn);
}

/* The level up to which all needs can be met, and what is left above it. It rises to the next smallest need at a time. */
static long level_of(const struct need *needs, int n, long max, long *ret_left)
{
    long level = 0, left = max;
    for (;;) {
        long count = 0, step = max;
        for (int i = 0; i < n; i++) {
            long above = needs[i].demand - level;
            count += above > 0;
            step = above > 0 && above < step ? above : step;
        }
        if (count == 0 || left < count)
            break;
        step = left / count < step ? left / count : step;
        left -= step * count;
        level += step;
    }
    *ret_left = left;
    return level;
}

static void fill(struct need *needs, int n, long max, bool *mark, unsigned turn)
{
    long left, level = level_of(needs, n, max, &left);
    for (int i = 0; i < n; i++) {
        mark[i] = needs[i].demand > level;
        needs[i].target = mark[i] ? level : needs[i].demand;
    }
    give_remainder(needs, n, left, mark, level == 0, turn);
}

void waterfill(struct need *needs, int n, long max, bool frugal, unsigned turn)
{
    bool *mark = calloc((size_t)n + 1, sizeof(*mark));
    if (mark == NULL)
        abort();
    long sum = sum_of_demand(needs, n);
    if (sum > max) {
        fill(needs, n, max, mark, turn);
    } else {
        for (int i = 0; i < n; i++) {
            needs[i].target = needs[i].demand;
            mark[i] = !frugal || needs[i].demand > 0;
        }
        spread(needs, n, max - sum, mark, 0);
    }
    free(mark);
}
