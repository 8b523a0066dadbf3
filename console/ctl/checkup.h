/* checkup.h: what doctor looks at. Each group of checks is a file of its own and adds its findings; none of them changes anything
 * that matters, and one that cannot be made says so rather than end the others. */
#pragma once

#include "ctl.h"

enum finding {
    FINDING_OK,
    FINDING_WARN, /* works, but not as it should */
    FINDING_FAIL, /* does not work, or will lose work */
    FINDING_SKIP, /* could not be looked at */
};

struct checkup {
    struct ctl *c;
    json_t *findings; /* of {group, check, status, found, todo} */
    bool offline;     /* outside services are left alone */
    int warnings, failures;
    bool redis, postgres; /* they answer */
    bool schema;          /* and this program knows the schema */
};

/* `found`: what is there; `todo`: what to do about it, NULL when it is well. */
void checkup_add(struct checkup *k, const char *group, const char *check, enum finding f,
                 const char *todo, const char *found, ...) PRINTF_LIKE(6, 7);

void check_redis(struct checkup *k);
void check_postgres(struct checkup *k);
void check_clocks(struct checkup *k);
void check_engine(struct checkup *k); /* daemons, functions, backlogs */
void check_host(struct checkup *k);   /* settings, programs, time zones, disk */
void check_providers(struct checkup *k);
