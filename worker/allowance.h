/* allowance.h: how much of a service's allowance is left, by what its answers say (x-ratelimit-…), for all threads of a
 * worker. A request that would go beyond it waits until the allowance is renewed: asking would only be refused, and count. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct allowances;

struct allowances *allowances_new(void);
void allowances_free(struct allowances *all); /* accepts NULL */

/* Takes one request of the allowance of that key; 0, or how long to wait before asking again, in ms. */
int64_t allowance_take(struct allowances *all, const char *key);

/* The request that was taken has ended; r is its answer, or NULL. */
void allowance_note(struct allowances *all, const char *key, const struct http_response *r);
