#include "state.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "compiler.h"

static const struct {
    const char *name, *status;
} states[RUN_STATES] = {
    [RUN_ACCEPTED] = {"accepted", "Scheduled"},
    [RUN_READY] = {"ready", NULL},
    [RUN_RUNNING] = {"running", "Running"},
    [RUN_WAITING] = {"waiting", NULL},
    [RUN_SLEEPING] = {"sleeping", NULL},
    [RUN_COLLECTING] = {"collecting", "Scheduled"},
    [RUN_RETRYING] = {"retrying", "Running"},
    [RUN_WAITING_FOR_EVENT] = {"waiting_for_event", "Running"},
    [RUN_WAITING_FOR_FUNCTION] = {"waiting_for_function", "Running"},
    [RUN_WAITING_FOR_BRANCHES] = {"waiting_for_branches", "Running"},
    [RUN_COMPLETED] = {"completed", "Completed"},
    [RUN_FAILED] = {"failed", "Failed"},
    [RUN_CANCELLED] = {"cancelled", "Cancelled"},
    [RUN_SKIPPED] = {"skipped", "Skipped"},
};

const char *run_state_name(enum run_state s)
{
    return states[s].name;
}

const char *run_status_name(enum run_state s, bool begun)
{
    return states[s].status != NULL ? states[s].status : begun ? "Running" : "Scheduled";
}

bool run_state_find(const char *name, enum run_state *ret)
{
    for (int i = 0; i < RUN_STATES; i++) {
        if (strcasecmp(states[i].name, name) == 0) {
            *ret = (enum run_state)i;
            return true;
        }
    }
    return false;
}

/* "scheduled" stands for those that have not begun as far as the word tells. */
static const struct {
    const char *word;
    unsigned mask;
} groups[] = {
    {"live", RUN_LIVE_MASK},
    {"ended", RUN_ENDED_MASK},
    {"scheduled", RUN_BIT(RUN_ACCEPTED) | RUN_BIT(RUN_READY) | RUN_BIT(RUN_WAITING) |
                      RUN_BIT(RUN_SLEEPING) | RUN_BIT(RUN_COLLECTING)},
};

static unsigned mask_of(const char *word, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (strlen(groups[i].word) == len && strncasecmp(groups[i].word, word, len) == 0)
            return groups[i].mask;
    }
    for (int i = 0; i < RUN_STATES; i++) {
        if (strlen(states[i].name) == len && strncasecmp(states[i].name, word, len) == 0)
            return RUN_BIT(i);
    }
    return 0;
}

unsigned run_state_mask(const char *list)
{
    unsigned mask = 0;
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        unsigned one = mask_of(list, n);
        if (one == 0)
            return 0;
        mask |= one;
        list += n + (list[n] == ',');
    }
    return mask;
}

const char *run_state_words(char out[RUN_STATE_WORDS_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups) + RUN_STATES && used < RUN_STATE_WORDS_SIZE; i++) {
        const char *word =
            i < ARRAY_LEN(groups) ? groups[i].word : states[i - ARRAY_LEN(groups)].name;
        used += (size_t)snprintf(out + used, RUN_STATE_WORDS_SIZE - used, "%s%s", i > 0 ? ", " : "",
                                 word);
    }
    return out;
}

json_t *run_counts(const long long counts[RUN_LIVE_STATES])
{
    long long all = 0;
    json_t *j = json_object();
    for (int i = 0; i < RUN_LIVE_STATES; i++) {
        all += counts[i];
        if (i != RUN_ACCEPTED)
            (void)json_object_set_new(j, states[i].name, json_integer(counts[i]));
    }
    (void)json_object_set_new(j, "live", json_integer(all));
    return j;
}
