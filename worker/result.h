/* result.h: what came of one attempt at a step, in a form that the ledger can keep: a transactional step that took effect
 * and whose outcome was lost on the way to Redis goes on from what is recorded. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "breaker.h"
#include "err.h"

/* The numbers are in ledger rows. */
enum verdict {
    VERDICT_VALUE = 0,
    VERDICT_FINISH = 1,
    VERDICT_AGAIN = 2,
    VERDICT_SLEEP = 3,
    VERDICT_FAIL = 4, /* err says how */
    VERDICT_WAIT = 5,
    VERDICT_INVOKE = 6,
};

struct result {
    int attempt; /* which one of the step it was, from 1 */
    enum verdict verdict;
    json_t *value;  /* NULL when failed */
    json_t *cursor; /* of VERDICT_AGAIN */
    json_t *
        pause; /* of VERDICT_WAIT {"wait": text for commit}; of VERDICT_INVOKE {"function", "data"} */
    json_t *events; /* array of [name, data] */
    double cost_usd;
    double billed_usd; /* of the run's cost so far: see step_bill */
    int64_t delay_ms;  /* of VERDICT_SLEEP, and the longest wait of the others; -1 = without end */
    int64_t until_ms;  /* of VERDICT_SLEEP: wall clock, instead of the delay; 0 = not so */
    struct err err;
    struct hold
        hold; /* of VERDICT_FAIL: whether it was the service that failed, and not the step */
    int64_t started_ms, duration_us;
};

void result_release(struct result *r);

json_t *result_to_json(const struct result *r); /* a new reference */
/* Replaces what is there by what was recorded. */
void result_from_json(struct result *r, const json_t *j);

/* How long a pause lasts from now on. */
int64_t result_delay_ms(const struct result *r);
