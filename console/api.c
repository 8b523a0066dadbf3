#include "api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "id.h"
#include "when.h"

struct desk api_desk(struct request *r)
{
    return (struct desk){.conf = r->console->conf,
                         .kv = r->kv,
                         .db = r->db,
                         .who = r->who,
                         .from = r->address,
                         .request = r->id};
}

/* Postgres puts the calls' names before what it says, and most of that begins with the name of an argument: "invoke: data holds …",
 * "retry_run: retry: run … has not ended". What the path names is called as there. */
static const char *field_said(const struct request *r, const char *message,
                              char part[PART_NAME_SIZE])
{
    static const char *const sent[] = {"data",   "owner",  "name",   "max",      "usd",
                                       "weight", "reason", "action", "condition"};
    for (const char *word = message;; word = strchr(word, ' ') + 1) {
        size_t n = strcspn(word, " :");
        for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
            if (strlen(sent[i]) == n && strncmp(sent[i], word, n) == 0)
                return sent[i];
        }
        if (strncmp(word + n, ": ", 2) != 0)
            return request_part_name(r, 0, part);
    }
}

static void answer_failure(struct request *r, const struct desk *d, const struct err *e)
{
    char part[PART_NAME_SIZE];
    if (e->code != ERR_INPUT)
        reply_failure(r, e);
    else if (d->missing)
        reply_error(r, 404, "not_found", d->field, "%s", e->msg);
    else if (d->field != NULL)
        reply_error(r, 400, "invalid_input", d->field, "%s", e->msg);
    else
        reply_refusal(r, field_said(r, e->msg, part), e);
}

void api_answer(struct request *r, const struct desk *d, json_t *data, const struct err *e)
{
    if (data != NULL)
        reply_data(r, data);
    else
        answer_failure(r, d, e);
}

void api_answer_page(struct request *r, const struct desk *d, json_t *list, char *next,
                     const struct err *e)
{
    if (list != NULL)
        reply_page(r, list, next);
    else
        answer_failure(r, d, e);
    free(next);
}

bool api_time(struct request *r, const char *name, int64_t *ret_ms)
{
    const char *text = request_query(r, name);
    *ret_ms = 0;
    if (text == NULL || when_parse(text, ret_ms))
        return true;
    reply_error(r, 400, "invalid_input", name,
                "%s must be a time, as 2026-01-05T06:00:00Z, or milliseconds since 1970", name);
    return false;
}

/* Whether Postgres and we read a time in it. */
static bool is_time(const char *text, size_t len, int64_t *ret_ms)
{
    char time[48];
    if (len > 32)
        return false;
    bool is_day = len == strlen("2026-01-05") && text[4] == '-';
    (void)snprintf(time, sizeof(time), "%.*s%s", (int)len, text, is_day ? "T00:00:00Z" : "");
    return when_parse(time, ret_ms);
}

bool api_place(struct request *r, const char *name, char when[WHEN_SIZE], const char **ret)
{
    const char *text = *ret = request_query(r, name);
    size_t len = text != NULL ? strcspn(text, ",") : 0;
    int64_t ms;
    if (text == NULL)
        return true;
    bool is_number = strspn(text, "0123456789") == len, is_whole = text[len] == '\0';
    if (is_time(text, len, &ms) && (is_whole || (!is_number && is_uuid(text + len + 1)))) {
        if (is_number)
            *ret = when_format(ms, when); /* Postgres does not read milliseconds */
        return true;
    }
    reply_error(r, 400, "invalid_input", name,
                "%s must be what the page before gave as next, or a time, as 2026-01-05T06:00:00Z",
                name);
    return false;
}

bool api_limit(struct request *r, int *ret)
{
    long long n;
    bool ok = request_number(r, "limit", 1, PAGE_MOST, PAGE_ROWS, &n);
    *ret = (int)n;
    return ok;
}

bool api_text(struct request *r, const json_t *body, const char *name, bool needed,
              const char **ret)
{
    const json_t *v = json_object_get(body, name);
    *ret = json_string_value(v);
    if ((v == NULL || json_is_null(v)) && !needed)
        return true;
    if (json_is_string(v) && json_string_length(v) > 0 && strlen(*ret) == json_string_length(v))
        return true;
    reply_error(r, 400, "invalid_input", name, "%s must be text%s", name,
                needed ? "" : ", or null");
    return false;
}

bool api_number(struct request *r, const json_t *body, const char *name, double min, double max,
                double *ret)
{
    const json_t *v = json_object_get(body, name);
    *ret = -1;
    if (json_is_null(v))
        return true;
    *ret = json_number_value(v);
    if (json_is_number(v) && *ret >= min && *ret <= max)
        return true;
    reply_error(r, 400, "invalid_input", name, "%s must be a number from %.15g to %.15g, or null",
                name, min, max);
    return false;
}

bool api_whole(struct request *r, const json_t *body, const char *name, long min, long max,
               long *ret)
{
    const json_t *v = json_object_get(body, name);
    double n = json_number_value(v);
    *ret = -1;
    if (json_is_null(v))
        return true;
    if (json_is_number(v) && n >= (double)min && n <= (double)max && n == trunc(n)) {
        *ret = (long)n;
        return true;
    }
    reply_error(r, 400, "invalid_input", name, "%s must be a whole number from %ld to %ld, or null",
                name, min, max);
    return false;
}
