/* start.h: one run that an event starts: of which function, for whom, and by which rules. Everything follows from the event
 * and the function's manifest, so that a run that has to be started again, after a crash or a loss of Redis, is the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "id.h"
#include "kv.h"
#include "manifest.h"

enum start_state {
    START_NEW,
    START_KNOWN,   /* it began, or ended, when the event was delivered before */
    START_DONE,    /* handed over to its partition */
    START_SKIPPED, /* it does not begin; `reason` says why */
};

/* Which of the function's rules the run has to pass. Whatever holds while it lives goes with it anyhow. */
enum start_rules {
    START_GATES = 1,    /* rules that may skip it: idempotency, rate limit */
    START_COLLECTS = 2, /* rules that make one run of several events: debounce, batch */
    START_SPREAD = 4,   /* throttle */
    START_ALL = START_GATES | START_COLLECTS | START_SPREAD,
};

struct start_option {
    const char *name; /* constant */
    char *value;
};

struct start {
    char run[ID_SIZE]; /* after it joined another run: that one's */
    enum start_state state;
    const struct manifest *fn;
    char *key; /* what its limits count by (lua/include/limits.lua); the first line is its owner */
    int partition;
    bool begun; /* results of its steps were put into Redis beforehand */
    char *reason;
    struct start_option *options; /* none of a plain function's run */
    size_t option_count;
};

/* Whose work the event's run of the function is, and the partition that it therefore lives in. */
void start_make(struct start *s, struct event *ev, const struct manifest *m, int partitions);
void start_release(struct start *s);

/* The rules as the script enqueue takes them. `elapsed_ms`: how long ago the run should have been started. */
void start_add_rules(struct start *s, struct event *ev, enum start_rules rules, int64_t elapsed_ms);

/* Only the rules that may skip it. */
void start_add_gates(struct start *s, struct event *ev);
/* The value of a rule that it has; NULL when it has none of that name. Borrowed. */
const char *start_find_rule(const struct start *s, const char *name);
/* Takes rules away again. */
void start_drop_rules(struct start *s, enum start_rules rules);
void start_drop_rule(struct start *s, const char *name);

/* What the run collects events by; NULL when it does not collect. Borrowed. */
const char *start_collect_key(const struct start *s);
/* Does a run of several events get all of them, as an array? */
bool start_keeps_all(const struct start *s);

void start_skip(struct start *s, const char *reason);

/* The run as arguments of enqueue; borrowed until that was called. `due_ms` 0 = now. */
void start_write(struct kv_args *a, const struct start *s, int64_t accepted_ms, int64_t due_ms,
                 const char *input, size_t input_len);
