/* step_state.h: what the engine keeps behind `struct step` while a step runs. */
#pragma once

#include "function.h"
#include "result.h"
#include "run.h"
#include "seat.h"

struct step_state {
    struct run *run;
    struct result *result; /* what the step says besides its value */
    const struct seat *seat;
};
