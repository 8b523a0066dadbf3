/* route.h: the table of all that the console answers to: one row says method, path, who may, what it does, and who does it.
 * Dispatch, the tests of access and the API's description are made from it (chronos-console --routes prints it).
 *
 * A group of routes is one file, routes_<group>.c, which ends with its part of the table; to add a group, write such a
 * file and name its part in route.c. */
#pragma once

#include "request.h"

enum { MOST_BUNDLED = 64 };

struct route {
    const char *method;
    const char *
        pattern; /* "/v1/runs/{id}": a part in braces stands for one segment that is not empty, {rest*} for all that follows */
    enum access access; /* what the caller must have shown */
    void (*handle)(struct request *r);
    const char *summary;
    /* Of /v1 only, where a word that is misspelt is refused: "after, before". NULL: there are none in the query; of the body nobody asks. Whose body has
     * no fields ("") is asked for none before it is handled. */
    const char *query, *fields;
    bool quick; /* needs neither store and answers at once: done by the thread that reads */
    bool
        cross_site; /* may be called by pages of other sites, as it takes no cookie; they may read its answers */
    const char
        *name_of_data; /* the schema of a good answer in openapi.json; NULL = none in particular */
    /* Answers a bundle: up to MOST_BUNDLED requests that came at about the same time, of any routes with the same function, in one round trip to a
     * store. NULL = one by one. may_bundle says of which requests that is true; it is asked before any of them is answered. */
    void (*handle_bundle)(struct request *const requests[], size_t n);
    bool (*may_bundle)(const struct request *r);
};

/* Rows end with one without a method. */
extern const struct route routes_application[];
extern const struct route routes_events[];
extern const struct route routes_files[];
extern const struct route routes_functions[];
extern const struct route routes_health[];
extern const struct route routes_login[];
extern const struct route routes_overview[];
extern const struct route routes_runs[];
extern const struct route routes_search[];
extern const struct route routes_stream[];

/* The first of the table, then the next; NULL after the last. */
const struct route *route_next(const struct route *r);

/* Finds the row and fills r->route and r->parts. Answers 404, 405 or 400 and returns false when there is none. */
bool route_find(struct request *r);

/* "public", "event", "read", "admin" */
const char *access_name(enum access a);

/* For people and tests: "METHOD pattern access", a line each. */
void route_print(void);
