/* manifest.h: a function's configuration as JSON. Workers publish the manifests of the functions they carry in the hash
 * chronos:functions when they start; schedulers route by them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "conf.h"
#include "err.h"
#include "function.h"

/* Worker's side: checks the definition (ERR_BUG names function and field) and renders it, with the configured maxima
 * of its limits. A new reference. */
json_t *manifest_render(const struct function *f, const struct conf *c, struct err *e);

/* Scheduler's side. */
struct manifest {
    char *id;
    char *triggers[MAX_TRIGGERS + 1]; /* event names, NULL-terminated */
    char *on_failure_of;              /* NULL when not a failure handler */
    char *key;    /* dotted path of the value that keyed limits count by; NULL = none */
    char *limits; /* template for lua/include/limits.lua */
    char *json;   /* the whole text, for Postgres */
    int version;
};

struct manifest *manifest_parse(const char *text, size_t len, struct err *e);
void manifest_free(struct manifest *m); /* accepts NULL */
