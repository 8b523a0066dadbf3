/* vector_text.h: a vector as Postgres and people read it. */
#pragma once

#include "buf.h"

/* Appends "[0.1,-0.2,…]", exact for floats. false: a value is not finite, or the buffer is full. */
bool vector_add_text(struct buf *out, const float *v, size_t n) MUST_CHECK;
