/* trace.h: W3C trace context. A trace is named by the event that began it: the `traceparent` that came with it or, where none
 * did, an id that follows from the event's own. Span ids follow from what they name (a run, an attempt at a step), so that
 * whoever works on a run, after whatever loss, knows its trace without anything being stored for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_SIZE = 56 }; /* with the NUL */

struct trace {
    char id[TRACE_ID_SIZE];
    char parent[SPAN_ID_SIZE]; /* the span of whoever sent the event; "" = nobody told */
    bool sampled;              /* whoever began the trace wants its spans to be kept */
};

/* A header's or field's text. false, and *ret untouched: it is not well-formed, and is to be treated as if it were not there. */
bool trace_read(const char *traceparent, struct trace *ret);
/* The trace of an event (or run) that came without one. */
void trace_begin(const char *id, struct trace *ret);

/* What follows a run, as a retry or the news of its end: a part of the trace of the event that began it (`traceparent`, NULL
 * when that came without one; `event_id`), under the run's span. */
void trace_after(const char *traceparent, const char *event_id, const char *run_id,
                 char out[TRACEPARENT_SIZE]);

/* The span of a run (branch -1), or of a branch of it. */
void trace_run_span(const char *run_id, int branch, char out[SPAN_ID_SIZE]);
/* The span of the `number`th `what` of `of`; the same for the same, on every machine. */
void trace_span(const char *of, const char *what, int64_t number, char out[SPAN_ID_SIZE]);
/* One that no other has, of what is not named by anything. */
void trace_new_span(char out[SPAN_ID_SIZE]);

/* What is passed on by the one who works under that span. */
void trace_write(const struct trace *t, const char *span_id, char out[TRACEPARENT_SIZE]);
