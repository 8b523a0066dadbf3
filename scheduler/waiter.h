/* waiter.h: the step of a run that waits for what another run gives (step_invoke). It is named by one text, which travels
 * with the invocation and comes back with the outcome: "<partition>\n<run>\n<step>". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "id.h"
#include "kv.h"

enum { RUN_SIZE = 48, STEP_SIZE = 192 };

struct waiter {
    int partition;
    char run[RUN_SIZE]; /* may be a branch: <run>.<n> */
    char step[STEP_SIZE];
};

/* false: the text names none. Pure. */
bool waiter_read(struct waiter *w, const char *text);

/* The run that a branch belongs to, or the run itself. */
void run_root(const char *run, char out[ID_SIZE]);

/* Goes on with the step's run, with the output or with an error object {"name","message"}. Nothing happens when the step
 * does not wait any more (it was told before, or its time was over), so it may be told again. */
bool waiter_give(struct kv *kv, const struct waiter *w, const char *output, struct err *e);
bool waiter_fail(struct kv *kv, const struct waiter *w, const char *error, struct err *e);
/* waiter_fail with an error of our own. */
bool waiter_refuse(struct kv *kv, const struct waiter *w, const char *name, const char *message,
                   struct err *e);
