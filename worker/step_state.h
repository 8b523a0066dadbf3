/* step_state.h: what the engine keeps behind `struct step` while a step runs. */
#pragma once

#include <stdatomic.h>

#include "function.h"
#include "run.h"

enum verdict {
    VERDICT_VALUE,
    VERDICT_FINISH,
    VERDICT_AGAIN,
    VERDICT_SLEEP,
    VERDICT_FAIL, /* s->err says how */
};

struct step_state {
    struct run *run;
    enum verdict verdict;
    json_t *cursor;   /* for VERDICT_AGAIN; owned */
    int64_t delay_ms; /* for VERDICT_SLEEP */
    json_t *events;   /* array of [name, data]; owned */
    double cost_usd;
    int64_t deadline_ms;      /* monotonic */
    const atomic_bool *abort; /* the worker gave up waiting: lease lost or grace over */
};

/* Why the step should end, or NULL. */
const char *step_cancel_reason(const struct step_state *st);
