/* vectors.h: gives stored chunks their vectors, one batch per call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "http.h"
#include "services.h"

/* One batch: chunks first … first + count - 1 of a video, embedded for a run. */
struct vectors_batch {
    const char *video_id;
    const char *run_id;
    int first;
    int count;
};

struct vectors_done {
    int chunks; /* that got a vector */
    long tokens;
    double cost_usd;
    int64_t took_ms; /* the embedder */
    char model[64];  /* "" when there was nothing to do */
};

/* Those chunks of the batch that have no vector yet are embedded in one call and stored in one statement. May be called
 * again: what is stored is not asked for twice and the answer is the first one's; rows that were replaced meanwhile are
 * left alone. */
bool vectors_fill(struct db *db, struct http *http, const struct services *svc,
                  const struct vectors_batch *b, struct vectors_done *ret,
                  struct err *e) MUST_CHECK;

/* The model that would be asked now. */
const char *vectors_model(const struct services *svc);
