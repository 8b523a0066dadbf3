/* functions.h: which functions exist and what they listen to, as the workers published it. Belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"
#include "manifest.h"

struct functions {
    struct manifest **items;
    size_t len;
    bool turns_owed; /* limits were installed: who waits has to be looked at again */
};

void functions_release(struct functions *f);

/* Reads chronos:functions again. Where a manifest is new or changed its limits are installed in every partition and it is
 * stored in Postgres (a Postgres that is away is no failure: the next change or start brings it). */
bool functions_refresh(struct functions *f, const struct conf *c, struct kv *kv, struct db *db,
                       struct err *e);

/* After limits were installed every name under which anything waits gets another turn, whatever its limit was. Also when
 * the limits are those that were there: whoever installed them may have been stopped in the middle. It looks through all
 * keys, so one thread of each scheduler does it. */
bool functions_give_turns(struct functions *f, const struct conf *c, struct kv *kv, struct err *e);

const struct manifest *functions_find(const struct functions *f, const char *id); /* or NULL */

/* Does the function listen to this event? `failed_function` is data.function_id of inngest/function.failed. */
bool functions_match(const struct manifest *m, const char *event_name, const char *failed_function);
