/* vectors.h: gives stored chunks their vectors, one batch per call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "db.h"
#include "http.h"
#include "services.h"

struct vectors_done {
    int chunks; /* that got a vector by this call */
    long tokens;
    double cost_usd;
    int64_t took_ms;
    char model[64]; /* "" when there was nothing to do */
};

/* Chunks first … first + count - 1 of the video that have no vector yet are embedded in one request and stored. May be
 * called again: what is stored is not asked for twice, and rows that were replaced meanwhile are left alone. */
bool vectors_fill(struct db *db, struct http *http, const struct services *svc,
                  const char *video_id, int first, int count, struct vectors_done *ret,
                  struct err *e) MUST_CHECK;

/* The model that would be asked now. */
const char *vectors_model(const struct services *svc);

/* Appends "[0.1,-0.2,…]", exact for floats. false: a value is not finite, or the buffer is full. */
bool vector_add_text(struct buf *out, const float *v, size_t n) MUST_CHECK;
