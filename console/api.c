#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
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

static void answer_failure(struct request *r, const struct desk *d, const struct err *e)
{
    if (e->code != ERR_INPUT)
        reply_failure(r, e);
    else if (d->missing)
        reply_error(r, 404, "not_found", d->field, "%s", e->msg);
    else if (d->field != NULL)
        reply_error(r, 400, "invalid_input", d->field, "%s", e->msg);
    else
        reply_failure(r, e); /* said by Postgres, which puts the query's name before it */
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
    reply_error(r, 400, "invalid_input", name, "%s must be a number from %g to %g, or null", name,
                min, max);
    return false;
}
