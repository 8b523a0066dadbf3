/* request.h: one HTTP request and the answer to it, as handlers see them.
 *
 * A handler reads the request, and answers with exactly one of the reply_ functions. It runs in one of the console's threads with
 * connections of its own to Redis and Postgres, unless its route says that it needs neither (.quick). Every failure has the same
 * body, {"status", "code", "error", "field"}: a word for programs, a sentence for people, and what was wrong. */
#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "compiler.h"
#include "err.h"

enum {
    MAX_PATH_PARTS = 4,
    WHO_SIZE = 72,
    ADDRESS_SIZE = 64,
    MAX_REPLY_HEADERS = 8,
    MAX_QUERY = 16,
    PART_NAME_SIZE = 16,
};

/* What a caller must have shown. Who may change things may also look. */
enum access { ACCESS_PUBLIC, ACCESS_EVENT, ACCESS_READ, ACCESS_ADMIN };

struct console;
struct key_set;
struct route;

struct reply {
    int status; /* 0 = not answered yet */
    char *body; /* malloc'ed; NULL = empty */
    size_t len;
    const char *borrowed;                 /* constant bytes in place of body */
    const char *type;                     /* constant */
    struct MHD_Response *made;            /* in place of all of it: a stream */
    const char *names[MAX_REPLY_HEADERS]; /* constant */
    char *values[MAX_REPLY_HEADERS];
    int headers;
};

struct request {
    struct console *console;
    struct MHD_Connection *connection;
    const struct route *route;   /* NULL: there is none */
    const char *method;          /* as it came */
    char *path;                  /* without the query, not decoded; owned */
    char *parts[MAX_PATH_PARTS]; /* what stood at {…} of the pattern, decoded, in order; owned */
    int part_count;
    const char *query_names[MAX_QUERY]; /* MHD's, not decoded: none of ours needs it */
    char *query_values[MAX_QUERY];      /* decoded; owned */
    int query_count;
    const char *bad_query; /* the name of a value that cannot be read; NULL = all can */
    bool long_query;       /* it has more than MAX_QUERY values, none of which was read */
    struct buf body;
    char address[ADDRESS_SIZE]; /* of the peer, for the log */
    char id[27];                /* of the request, for log and audit */
    enum access access;         /* what the caller has shown */
    char who[WHO_SIZE];         /* "admin:alice"; "anybody" without keys */
    const struct key_set *key;  /* that was shown; NULL = none */
    bool by_cookie;
    struct kv *kv; /* of the thread; NULL in a quick route */
    struct db *db;
    struct reply reply;
    int64_t began_us;
};

/* The pattern of the route, for logs and metrics: a path may hold anything, a key too. "none" when there is no route. */
const char *request_route(const struct request *r);

/* The name of a part of the path, as "id" of {id}; NULL when there is no such part. */
const char *request_part_name(const struct request *r, int part, char out[PART_NAME_SIZE]);

/* A header or a parameter of the query, decoded; NULL when absent. Borrowed from the request. */
const char *request_header(const struct request *r, const char *name);
const char *request_query(const struct request *r, const char *name);

/* Before values of the query are asked for. Answers 400 and returns false when they cannot be read. */
bool request_decode_query(struct request *r);

/* Whether a list, as "after, before", has the name. */
bool request_is_known(const char *list, const char *name);
/* Of a route of /v1: answers 400 and returns false when the query holds what the route does not know. */
bool request_check_query(struct request *r);

/* Of a route whose body has no fields: answers 400 and returns false when some are there. */
bool request_check_no_fields(struct request *r);

/* A number in the query, or `otherwise`; false (and answered) when it is none within the bounds. */
bool request_number(struct request *r, const char *name, long long min, long long max,
                    long long otherwise, long long *ret);

/* A UUID in the query; NULL when absent. False (and answered) when it is none. */
bool request_uuid(struct request *r, const char *name, const char **ret);

/* The body as JSON; NULL (and answered) when it is not, or holds what cannot be kept as it was sent.
 * The path to that begins with `root` when the body is one object. */
json_t *request_json(struct request *r, const char *root);

/* The body as a JSON object; an empty one when there is no body. NULL (and answered) when it is not one, or holds what the route does
 * not know. */
json_t *request_object(struct request *r);

/* Decodes %XX in place; false: an escape is malformed, or hides a control byte, or the whole is no UTF-8. */
bool percent_decode(char *s);

/* ---- answers ---- */

/* Takes the value over. */
void reply_json(struct request *r, int status, json_t *value);
/* {"data": value, "metadata": {"fetched_at", "cached_until"}}; takes the value over. */
void reply_data(struct request *r, json_t *value);
/* The same of a page of a list; `next` is the cursor of the next one, NULL at the end. */
void reply_page(struct request *r, json_t *list, const char *next);
void reply_text(struct request *r, int status, const char *type, const char *borrowed, size_t len);
void reply_error(struct request *r, int status, const char *code, const char *field,
                 const char *fmt, ...) PRINTF_LIKE(5, 6);
/* What Postgres said of what was sent (400): without the name of the query, which it puts before. */
void reply_refusal(struct request *r, const char *field, const struct err *e);
/* A failure of ours: what was sent is wrong (400), a store is away (503), or a bug (500, and the log tells). */
void reply_failure(struct request *r, const struct err *e);
/* 429, when it may be asked again after `wait_ms`. */
void reply_too_many(struct request *r, int64_t wait_ms, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* `name` is constant; line breaks end the value. */
void reply_header(struct request *r, const char *name, const char *value);

void request_release(struct request *r);
