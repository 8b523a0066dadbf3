/* function_keys.h: what a function's limits count by, and the names that they have. */
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "function.h"

enum { MAX_KEYS = 4, LIMIT_NAME_SIZE = 192 };

#define DEFAULT_OWNER "data.creatorId"

/* Ids and step names become parts of keys and of COPY lines: one plain alphabet for all. 1 to 64 of A-Z a-z 0-9 - _ . */
bool is_plain_name(const char *s);

/* Expressions, each once: the owner, then those of limits and of a singleton in the order of first use. */
struct function_keys {
    const char *texts[MAX_KEYS];
    int count;
};

/* false: there are more than fit. */
bool function_keys(const struct function *f, struct function_keys *ret);

int function_limit_count(const struct function *f);

/* What an operator calls the i-th limit in CHRONOS_LIMITS: "extract-video-transcript", "extract-video-transcript/2" for
 * the second of the function's own, "creator" for a shared one. */
void function_limit_setting(const struct function *f, int i, char out[LIMIT_NAME_SIZE]);

/* Its name in Redis: "fn/extract-video-transcript:$", "fn/x/2:$2", "global"; ":$<n>" = counted per n-th key. */
void function_limit_name(const struct function *f, int i, const struct function_keys *keys,
                         char out[LIMIT_NAME_SIZE]);
/* The same of the limit that goes with a singleton. */
void function_singleton_name(const struct function *f, const struct function_keys *keys,
                             char out[LIMIT_NAME_SIZE]);

bool function_has_paid_steps(const struct function *f);
