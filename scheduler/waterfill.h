/* waterfill.h: how much of a limit each partition should have, from what each needs. Pure. */
#pragma once

#include <stdbool.h>

struct need {
    long demand; /* runs that hold a slot or wait for one */
    long has;    /* its present share */
    long target; /* what it should have: the result */
};

/* Shares out `max` over `n` partitions. When all needs together fit, each gets what it needs, and what is left is spread
 * evenly, so that the next run may start at once: over all, or with `frugal` over those that need anything. Else nobody gets
 * less than another but for needing less. Of what cannot be divided those get one more who have most, so that little moves; where
 * there is not one for each, `turn` says who is first, and is to be changed now and then. */
void waterfill(struct need *needs, int n, long max, bool frugal, unsigned turn);
