/* spans.h: spans on their way to a collector, as OTLP over HTTP in JSON.
 *
 * Whoever ends a span hands it over and goes on: it is copied into a bounded queue, and one thread sends batches. When the
 * collector is away or slow, spans are dropped, counted and told in the log; work never waits for them. There is one
 * exporter per process, and without one nothing is copied. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "trace.h"

enum span_kind { SPAN_INTERNAL = 1, SPAN_CLIENT = 3, SPAN_CONSUMER = 5 }; /* OTLP's numbers */

/* Texts that are "" or NULL, and numbers that are negative, are left out. Pointers are to constants. */
struct span {
    char trace_id[TRACE_ID_SIZE];
    char span_id[SPAN_ID_SIZE];
    char parent[SPAN_ID_SIZE];
    char name[128];
    enum span_kind kind;
    int64_t start_us, end_us; /* since 1970 */
    bool failed;
    char error[128];     /* the kind of failure */
    char run[32];        /* chronos.run_id */
    const char *fn;      /* chronos.function */
    char step[128];      /* chronos.step */
    int64_t attempt;     /* chronos.attempt */
    int64_t wait_ms;     /* chronos.wait_ms: between being ready and being begun */
    const char *method;  /* http.request.method */
    char host[128];      /* server.address */
    int64_t http_status; /* http.response.status_code */
};

struct spans_conf {
    const char *endpoint;   /* "" = no exporter; "/v1/traces" is added */
    const char *headers;    /* name=value,…, values percent-encoded; secret */
    const char *service;    /* service.name */
    const char *attributes; /* of the resource: name=value,…, values percent-encoded */
    const char *instance;   /* service.instance.id */
    const char *version;    /* service.version */
};

/* Are the texts well-formed? ERR_INPUT names the setting. Hides the headers' values from the log. */
bool spans_check(const struct spans_conf *c, struct err *e);
/* Starts the exporter; does nothing without an endpoint. Strings are borrowed for as long as the process lives. */
void spans_start(const struct spans_conf *c);
/* Is anybody interested? */
bool spans_wanted(void);
void spans_add(const struct span *s);
/* Sends what is there for at most grace_ms, and tells what had to be dropped. */
void spans_stop(int64_t grace_ms);
