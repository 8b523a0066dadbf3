/* manifest.h: a function's configuration as JSON. Workers publish the manifests of the functions they carry in the hash
 * chronos:functions when they start; schedulers route by them.
 *
 *   id, name, version, triggers [event…], condition, onFailureOf, retries,
 *   keys [expression…]        what limits count by; the first says whose work a run is
 *   limits [{name, max, share}]   share: of all partitions together
 *   usd {cap, reserve}        µUSD per hour and owner, of functions with paid steps
 *   priority, idempotency {key, period_ms}, rateLimit {key, max, period_ms}, throttle {key, max, period_ms, burst},
 *   debounce {key, period_ms, max_wait_ms, keep_all}, batch {key, only_if, max_size, timeout_ms},
 *   singleton {mode: skip|cancel, key}, timeouts {start_ms, finish_ms}, cancelOn [{event, match, timeout_ms}],
 *   cron {schedule, jitter_ms, missed: one|skip|all}, steps [{name, tx, each, paid, parallel}]
 *
 * What a function does not have is left out; keys that are missing are the usual owner alone. The schedule is read by scheduler/schedules.h. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"
#include "expr.h"
#include "function.h"
#include "function_keys.h"

/* ---- worker's side ---- */

/* Is the definition sound? ERR_BUG names function and field, and says what is wrong there. */
bool manifest_check(const struct function *f, struct err *e) MUST_CHECK;

/* Checks the definition and renders it, with the configured maxima of its limits. A new reference. */
json_t *manifest_render(const struct function *f, const struct conf *c, struct err *e);

/* ---- scheduler's side ---- */

/* Of a rule that is not there, max, period_ms and the like are 0. A key of NULL means: all together. */
struct manifest_rate {
    struct expr *key;
    int max;
    int64_t period_ms;
};

struct manifest_throttle {
    struct expr *key;
    int max;
    int64_t period_ms;
    int burst;
};

struct manifest_debounce {
    struct expr *key;
    int64_t period_ms, max_wait_ms;
    bool keep_all;
};

struct manifest_batch {
    struct expr *key;
    struct expr *only_if; /* NULL = always */
    int max_size;
    int64_t timeout_ms;
};

struct manifest_singleton {
    enum singleton_mode mode;
    struct expr *key;
};

struct manifest_idempotency {
    struct expr *key; /* NULL = no such rule */
    int64_t period_ms;
};

struct manifest_cancel {
    char *event;
    struct expr *match; /* NULL = always */
    int64_t timeout_ms; /* 0 = always */
};

struct manifest {
    char *id;
    char *triggers[MAX_TRIGGERS + 1]; /* event names, NULL-terminated */
    struct expr *condition;           /* NULL = always */
    char *on_failure_of;              /* NULL when not a failure handler */
    struct expr *keys[MAX_KEYS];      /* the first is the owner */
    int key_count;                    /* at least 1 */
    char *
        owner_path; /* within data, when the owner is nothing but what stands there; NULL otherwise */
    char *limits;   /* template for lua/include/limits.lua */
    struct expr *priority; /* NULL = none */
    struct manifest_rate rate_limit;
    struct manifest_throttle throttle;
    struct manifest_debounce debounce;
    struct manifest_batch batch;
    struct manifest_singleton singleton;
    struct manifest_idempotency idempotency;
    int64_t start_timeout_ms, finish_timeout_ms; /* 0 = none */
    struct manifest_cancel cancel_on[MAX_CANCELS];
    int cancel_count;
    char *json; /* the whole text, for Postgres */
    int version;
};

/* ERR_INPUT names the function and the member that cannot be used. `partitions`: a limit that all of them share is only
 * divided when there are several. */
struct manifest *manifest_parse(const char *text, size_t len, int partitions, struct err *e);
void manifest_free(struct manifest *m); /* accepts NULL */
