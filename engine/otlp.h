/* otlp.h: spans as the JSON encoding of OTLP's ExportTraceServiceRequest. */
#pragma once

#include <stddef.h>

#include "buf.h"
#include "spans.h"

/* A list "name=value,name=value" with percent-encoded values, as OTEL_* variables are written. Calls `pair` for each, decoded;
 * `field` heads the message. false: it is malformed. */
bool otlp_list(const char *text, const char *field,
               void (*pair)(void *arg, const char *name, const char *value), void *arg,
               struct err *e);

/* false: over the buffer's ceiling. */
bool otlp_request(struct buf *b, const struct spans_conf *c, const struct span *spans, size_t n);
