/* function.h: a background function, as its author writes it.
 *
 * A function is one file in worker/functions/: a table of named steps, one small C function per step, and a
 * `const struct function fn_<file name>`. The engine runs the rows in order. Each step's result is stored once
 * under the step's name, durable before the next step starts, and never changed; a step that failed is tried
 * again by the function's policy; a step that finished is never run again.
 *
 * What a step returns is its verdict:
 *   a JSON value         stored as the step's result, go on with the next row (a new reference; the engine takes it)
 *   step_ok()            stored as null
 *   step_finish(s, v)    stored, and the run is complete: the rows below are skipped
 *   step_again(s, c, v)  v is stored as <name>-<n>; the same row runs again with s->cursor = c
 *   step_fail(s, …)      try again by the policy (retries, backoff)
 *   step_fail_for_good   never again; step_retry_after: not before ms
 *   step_sleep(s, ms)    result null; the next row runs after the delay and the run holds no slot meanwhile
 *   step_sleep_until     the same, to a time
 *   step_wait_event      result = the event that matched, or null after the timeout; holds no slot meanwhile
 *   step_invoke          result = the output of another function's run; its failure fails this run
 *   step_error(s)        whatever class `s->err` was given by the call that failed
 *
 * What a step was given is borrowed until it returns. A step that may run twice (all but .tx steps) is written
 * so that twice is harmless, and says how in one line. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "err.h"
#include "http.h"
#include "js.h"

struct step;

typedef json_t *(*step_fn)(struct step *s);

struct step_def {
    const char *name; /* the contract with runs in flight; NULL ends the table */
    step_fn run;
    bool
        tx; /* runs inside the Postgres transaction that also writes its ledger row: its effects happen
                     * exactly once. s->http is NULL there, since an outside call cannot be rolled back */
    step_fn
        each; /* pure: returns the array of items; the row then runs once per item with s->item, each run
                     * durable on its own as <name>-<key>, key = the item's "key" member or its index. Keys are unique
                     * and plain, 1 to 64 of A-Z a-z 0-9 . _ : - */
    int64_t timeout_ms; /* 0 = the worker's setting */
    int retries;        /* 0 = the function's; use NO_RETRIES for none */
    bool paid; /* costs money (step_cost): the run waits while its owner is over the budget */
    /* Of an .each row: this many items at the same time, each in a slot of its own; 0 = one after the other. Such an item
     * gives a value or fails: it cannot finish the run, ask to be run again, sleep, wait or invoke. When one has failed for
     * good the others still end, and then the run fails. */
    int parallel;
};

enum { NO_RETRIES = -1, MAX_LIMITS = 4, MAX_TRIGGERS = 4, MAX_CANCELS = 4 };

/* Texts named `key`, `condition`, `match`, `priority` and `owner` are expressions over the event (expr.h). All are checked when
 * the worker starts. A key of NULL means: all together. */

/* At most `max` runs hold a slot at the same time, counted per value of `key` in the event (all together when
 * NULL) within the function, or over all functions when `shared` names the limit. */
struct limit_def {
    const char *key;    /* e.g. "data.creatorId" */
    const char *shared; /* NULL = this function's own */
    int max;
};

/* At most `max` starts in any `period_ms`; what is over it is skipped and recorded as skipped. */
struct rate_def {
    const char *key;
    int max; /* 0 = no such rule */
    int64_t period_ms;
};

/* Starts are spread: one every period_ms / max, after `burst` that may go at once. Nothing is skipped. */
struct throttle_def {
    const char *key;
    int max; /* 0 = no such rule */
    int64_t period_ms;
    int burst; /* 0 = 1 */
};

/* One run for many events: it starts when none has come for `period_ms`, and max_wait_ms after the first at the latest. */
struct debounce_def {
    const char *key;
    int64_t period_ms;   /* 0 = no such rule */
    int64_t max_wait_ms; /* 0 = for as long as they come */
    bool keep_all;       /* all of them in s->events, else only the last one by its ts */
};

/* One run for up to max_size events, or for those that came within timeout_ms of the first; they are in s->events. */
struct batch_def {
    const char *key;
    const char *only_if; /* events for which it is false start a run of their own */
    int max_size;        /* 0 = no such rule */
    int64_t timeout_ms;
};

/* One live run per key. */
enum singleton_mode { SINGLETON_NONE, SINGLETON_SKIP, SINGLETON_CANCEL };
struct singleton_def {
    enum singleton_mode mode; /* SKIP: the new one is skipped; CANCEL: the old one is cancelled */
    const char *key;
};

/* An event with the same key value starts nothing for period_ms (0 = 24 hours). */
struct idempotency_def {
    const char *key; /* NULL = no such rule */
    int64_t period_ms;
};

/* A live run is cancelled when the event comes and `match` holds (event: what started the run, async: what came). */
struct cancel_def {
    const char *event;
    const char *match;  /* NULL = always */
    int64_t timeout_ms; /* only within this time of the run's start; 0 = always */
};

/* Ticks during which no scheduler was there: the latest is made good, none is, or each is. */
enum missed_ticks { MISSED_ONE, MISSED_SKIP, MISSED_ALL };
struct cron_def {
    const char *schedule; /* cron.h: "TZ=Europe/Paris 30 2 * * *", "@hourly" */
    int64_t jitter_ms;    /* each tick is put off by up to this much */
    enum missed_ticks missed;
};

struct function {
    const char *id; /* as users know it, e.g. "extract-video-transcript" */
    const char *name;
    const char *deprecated; /* what to use instead; NULL = it is not deprecated */
    int version; /* raised with every change of what is declared here or of the rows' names and order: an older build's
                  * worker then takes nothing back */
    /* What starts it: events, or a schedule, or both; with neither only step_invoke and operators do. */
    const char *on_event[MAX_TRIGGERS];
    const char *condition; /* of the event, for it to start a run */
    struct cron_def cron;  /* starts a run at each tick, with the event inngest/scheduled.timer */
    /* Only for on_event "inngest/function.failed": the function whose failures it handles. */
    const char *on_failure_of;
    int retries; /* after the first attempt, per step */
    /* Whose work a run is: runs of different owners get fair turns, and all work of an owner lives in one partition.
     * NULL = data.creatorId. */
    const char *owner;
    struct limit_def limits[MAX_LIMITS];
    /* Seconds that a run is moved forward among those of its owner that wait, -600 to 600; what is more is taken as that. */
    const char *priority;
    struct rate_def rate_limit;
    struct throttle_def throttle;
    struct debounce_def debounce;
    struct batch_def batch;
    struct singleton_def singleton;
    struct idempotency_def idempotency;
    struct cancel_def cancel_on[MAX_CANCELS];
    int64_t start_timeout_ms;  /* cancelled when not begun by then; 0 = none */
    int64_t finish_timeout_ms; /* cancelled when not ended by then; 0 = none */
    double reserve_usd;        /* of the owner's budget, while a run with paid steps holds a slot */
    const struct step_def *steps;
};

/* Settings that functions and providers may read; filled from the worker's configuration at start. */
struct services;

struct step {
    const json_t
        *event; /* {"id","name","data","ts",…}; known keys of data are normalised to camelCase */
    const json_t
        *events; /* array: all that a batch or a debounce with keep_all brought, else the one */
    const json_t *data;   /* event.data */
    const json_t *item;   /* of an .each row, else NULL */
    const json_t *cursor; /* of step_again, else NULL */
    const char *run_id;
    const char *function_id;
    const char *name;  /* this step's, with its suffix */
    const char *key;   /* "<run>/<step>": idempotency key for providers that take one */
    int attempt;       /* 1 on the first try of this step */
    int64_t now_ms;    /* wall clock at the step's start, epoch milliseconds */
    struct db *db;     /* a connection; inside the ledger's transaction when .tx */
    struct http *http; /* NULL in a .tx step */
    const struct services *services;
    struct err err;           /* what went wrong, for step_error; clean when the step starts */
    struct step_state *state; /* the engine's */
};

json_t *step_ok(void);
json_t *step_finish(struct step *s, json_t *value);
json_t *step_again(struct step *s, json_t *cursor, json_t *value);
json_t *step_fail(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
json_t *step_fail_for_good(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
json_t *step_retry_after(struct step *s, int64_t ms, const char *fmt, ...) PRINTF_LIKE(3, 4);
json_t *step_sleep(struct step *s, int64_t ms);
json_t *step_sleep_until(struct step *s, int64_t epoch_ms);

/* Waits for an event of that name for which `match` holds (event: what started this run, async: the one that comes; NULL =
 * any). An event that came since the run began counts when `since_start`, so that none is missed. */
struct wait_def {
    const char *match;
    int64_t timeout_ms; /* 0 = without end */
    bool since_start;
};
json_t *step_wait_event(struct step *s, const char *event_name, const struct wait_def *w);

/* Starts a run of another function with `data` (taken) and waits for its output; timeout_ms 0 = without end. The run fails
 * when the other one fails, is cancelled, skipped or not known, or takes longer. */
json_t *step_invoke(struct step *s, const char *function_id, json_t *data, int64_t timeout_ms);
json_t *step_error(struct step *s);

/* The result of an earlier step, borrowed; NULL when it did not run. */
const json_t *step_result(struct step *s, const char *name);
/* Results of an .each or step_again row in order, as an array, borrowed. */
const json_t *step_results(struct step *s, const char *name);

/* Sends an event with the commit of this step: exactly once if the step's result is recorded, else not at all.
 * Takes the reference to data. */
void step_send(struct step *s, const char *event_name, json_t *data);

/* What this step cost, in US dollars; recorded with the step. */
void step_cost(struct step *s, double usd);

/* What the run has cost so far, failed attempts included: USD. */
double step_spent(const struct step *s);

/* What the run has cost so far, failed attempts included, and has not been billed: USD. When this step takes effect it is.
 * For a .tx step that adds it to somebody's account; what is never billed is told to the failure handler as `cost_usd`. */
double step_bill(struct step *s);

/* True when the step should end soon: its time is over, its run was cancelled or given to another worker, or the worker is
 * draining past its grace, or lost its lease. HTTP calls and SQL statements end by themselves then. */
bool step_is_cancelled(const struct step *s);

/* A line in the log with run, function, step and attempt. */
void step_log(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
