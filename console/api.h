/* api.h: between a request and an operation (desk.h): who asks, and how its outcome is answered. */
#pragma once

#include "desk.h"
#include "request.h"
#include "when.h"

enum { PAGE_ROWS = 50, PAGE_MOST = 200 };

/* Borrows from the request. */
struct desk api_desk(struct request *r);

/* Answers with the data (taken over), or with the failure when it is NULL. */
void api_answer(struct request *r, const struct desk *d, json_t *data, const struct err *e);
/* The same of a page; `next` is taken over. */
void api_answer_page(struct request *r, const struct desk *d, json_t *list, char *next,
                     const struct err *e);

/* A time in the query, ms; 0 when it is not there. false: it is none, and that was answered. */
bool api_time(struct request *r, const char *name, int64_t *ret_ms);
/* A place in a list of the application's, "time,id" or a time, as text for Postgres; NULL when it is not there. false: it is none, and
 * that was answered. */
bool api_place(struct request *r, const char *name, char when[WHEN_SIZE], const char **ret);
/* How many rows are asked for; false when that was answered. */
bool api_limit(struct request *r, int *ret);

/* Fields of a body; NULL and null are the same, of numbers null is -1. false: of another type, and that was answered. */
bool api_text(struct request *r, const json_t *body, const char *name, bool needed,
              const char **ret);
bool api_number(struct request *r, const json_t *body, const char *name, double min, double max,
                double *ret);
bool api_whole(struct request *r, const json_t *body, const char *name, long min, long max,
               long *ret);
