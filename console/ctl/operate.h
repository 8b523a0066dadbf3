/* operate.h: commands that are the console's operations (console/desk.h): the same code, another door. */
#pragma once

#include "console/desk.h"
#include "ctl.h"

/* The person at this shell, for the audit: "shell:<login>" and the host. */
struct desk operate_desk(struct ctl *c);

/* Says why an operation gave NULL: usage, when it names what was wrong with an option, else refused or away. */
int operate_fail(struct ctl *c, const struct desk *d, const struct err *e);
/* What Postgres refused without the names of queries and functions before it; a part of `text`. */
const char *operate_sentence(const char *text);

/* Shows what a change says of itself and releases it; `done` NULL: it failed. */
int operate_done(struct ctl *c, const struct desk *d, json_t *done, const struct err *e);

/* The same of what starts runs by an event: waits for a moment, and names them. */
int operate_started(struct ctl *c, struct desk *d, json_t *done, const struct err *e);

/* For a list that came out empty: a function among those that were asked for ("a,b"; NULL = any) that there is not is told, as
 * EXIT_REFUSED. A function that was retired still has runs, so they are not asked for first. */
int operate_functions(struct ctl *c, const char *list);

/* Pages of a list until `limit` rows are there. `page` gets the cursor (NULL = first). */
typedef json_t *page_fn(struct desk *d, const void *arg, int limit, const char *cursor,
                        char **ret_next, struct err *e);
json_t *operate_pages(struct desk *d, page_fn *page, const void *arg, long limit, struct err *e);
