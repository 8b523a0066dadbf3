/* plan.h: what a run has to do next: the first row of its function's table that has no stored result. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "function.h"
#include "names.h"
#include "run.h"

enum work_kind {
    WORK_NONE, /* all is done */
    WORK_STEP, /* a row, a turn of it, or an item */
    WORK_LIST, /* the list of an .each row has to be made first */
    WORK_FAN,  /* items of a .parallel row are to be executed by branches of the run */
    WORK_LOST, /* what this step waited for has failed, and with it the run */
};

/* One thing to do, with the name that its result is stored under. What it points at belongs to the run. */
struct work {
    enum work_kind kind;
    const struct step_def *def; /* may be NULL when WORK_NONE */
    char name[NAME_SIZE];
    const json_t *item;   /* of an .each row */
    const json_t *cursor; /* of step_again */
    const json_t *error;  /* of WORK_LOST: {"name","message"} */
    long index;           /* of step_again, -1 otherwise */
    size_t count;         /* of WORK_FAN: items in the list */
};

/* A branch has its one item to do, or nothing when that is done. */
void plan_next(const struct run *r, struct work *w);

/* Is this the last thing that the run does, if it gives a value? */
bool plan_is_last(const struct run *r, const struct work *w);
