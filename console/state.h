/* state.h: where a run is, in one word; and the word that the official SDK's REST API has for it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

enum run_state {
    RUN_ACCEPTED, /* recorded, and Redis does not know it (yet, or it is put back after a loss) */
    RUN_READY,
    RUN_RUNNING,
    RUN_WAITING,
    RUN_SLEEPING,
    RUN_COLLECTING,
    RUN_RETRYING,
    RUN_WAITING_FOR_EVENT,
    RUN_WAITING_FOR_FUNCTION,
    RUN_WAITING_FOR_BRANCHES,
    RUN_LIVE_STATES,
    RUN_COMPLETED = RUN_LIVE_STATES,
    RUN_FAILED,
    RUN_CANCELLED,
    RUN_SKIPPED,
    RUN_STATES
};

#define RUN_BIT(state) (1U << (state))
#define RUN_LIVE_MASK  (RUN_BIT(RUN_LIVE_STATES) - 1)
#define RUN_ENDED_MASK (RUN_BIT(RUN_STATES) - 1 - RUN_LIVE_MASK)

const char *run_state_name(enum run_state s);
/* "Scheduled", "Running", … `begun`: some step of it has begun. */
const char *run_status_name(enum run_state s, bool begun);
bool run_state_find(const char *name, enum run_state *ret);

/* A list of states and statuses, any case, separated by commas; also live and ended. 0: a word is none of them. */
unsigned run_state_mask(const char *list);
enum { RUN_STATE_WORDS_SIZE = 256 };
/* The words that such a list may have: "live, ended, …". Returns out. */
const char *run_state_words(char out[RUN_STATE_WORDS_SIZE]);

/* How many are in each live state, with "live", their sum. */
json_t *run_counts(const long long counts[RUN_LIVE_STATES]);
