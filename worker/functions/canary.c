/* canary.c: shows that the whole way works. The scheduler sends an event for it every minute; its run takes a step outside
 * and one inside a transaction of Postgres, and has come through when it is archived. */
#include "function.h"

static json_t *wake(struct step *s)
{
    (void)s;
    return step_ok();
}

/* The transaction writes the step's row in the ledger: that is all it is for. */
static json_t *sing(struct step *s)
{
    (void)s;
    return step_ok();
}

static const struct step_def steps[] = {
    {"wake", wake},
    {"sing", sing, .tx = true},
    {0},
};

const struct function fn_canary = {
    .id = "canary",
    .name = "Canary",
    .version = 1,
    .on_event = {"chronos/canary"},
    .retries = 2,
    .steps = steps,
};
