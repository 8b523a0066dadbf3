/* step_pause.c: the calls by which a step waits for something from outside (see engine/function.h). */
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "js.h"
#include "step_state.h"

enum { MAX_NAME_BYTES = 256, PATH_SIZE = 256, MAX_DATA_BYTES = 1 << 20 };

static json_t *refuse(struct step *s, const char *call)
{
    (void)err_wrap(&s->err, "%s", call);
    s->err.code = ERR_BUG; /* whatever is wrong, it is so at every attempt */
    return step_error(s);
}

static json_t *pause_for(struct step *s, enum verdict verdict, int64_t timeout_ms, json_t *what)
{
    struct result *r = s->state->result;
    json_decref(r->pause);
    r->pause = what;
    r->delay_ms = timeout_ms > 0 ? timeout_ms : -1;
    r->verdict = verdict;
    return json_null();
}

/* It becomes a line of its own in what commit.lua gets. */
static bool check_name(const char *what, const char *name, size_t most, struct err *e)
{
    size_t len = name != NULL ? strlen(name) : 0;
    auto_json *text = len > 0 && len <= most ? json_string(name) : NULL; /* checks UTF-8 */
    return (text != NULL && strpbrk(name, "\n\r") == NULL) ||
           err_set(e, ERR_BUG, "%s is 1 to %zu bytes of text on one line", what, most);
}

/* ---- events ---- */

static bool check_wait(const char *event_name, const struct wait_def *w, struct err *e)
{
    return check_name("the event's name", event_name, MAX_NAME_BYTES, e) &&
           (w->timeout_ms >= 0 || err_set(e, ERR_BUG, "timeout_ms is negative"));
}

/* What is left of `match` when this run's event is put in: its text, and the value by which arriving events are looked up
 * (both empty when there is none). */
struct condition {
    char *text;
    char path[PATH_SIZE], value[EXPR_KEY_SIZE];
};

static bool bind_condition(const char *match, const json_t *event, struct condition *c,
                           struct err *e)
{
    struct expr *x = expr_compile(match, EXPR_EVENT | EXPR_ASYNC, e);
    if (x == NULL)
        return err_wrap(e, "match");
    c->text = expr_bind(x, event, e);
    expr_free(x);
    if (c->text == NULL)
        return err_wrap(e, "match");
    struct expr *bound = expr_compile(c->text, EXPR_ASYNC, e);
    if (bound == NULL)
        return err_wrap(e, "match, bound to this run's event");
    (void)expr_index(bound, c->path, sizeof(c->path), c->value); /* else both stay empty */
    expr_free(bound);
    return true;
}

static json_t *wait_text(const struct step *s, const char *event_name, const struct wait_def *w,
                         const struct condition *c)
{
    char *text;
    const char *id = js_str(s->event, "id");
    if (asprintf(&text, "%s\n%s\n%s\n%d\n%s\n%s", event_name, c->path, c->value, w->since_start,
                 id != NULL ? id : "", c->text != NULL ? c->text : "") < 0)
        abort();
    json_t *j = json_string(text);
    free(text);
    return j;
}

json_t *step_wait_event(struct step *s, const char *event_name, const struct wait_def *w)
{
    static const struct wait_def any = {0};
    struct condition c = {0};
    w = w != NULL ? w : &any;
    if (!check_wait(event_name, w, &s->err) ||
        (w->match != NULL && !bind_condition(w->match, s->event, &c, &s->err))) {
        free(c.text);
        return refuse(s, "step_wait_event");
    }
    json_t *wait = js_pack("{s:o}", "wait", wait_text(s, event_name, w, &c));
    free(c.text);
    return pause_for(s, VERDICT_WAIT, w->timeout_ms, wait);
}

/* ---- functions ---- */

static bool check_invoke(const char *function_id, const json_t *data, int64_t timeout_ms,
                         struct err *e)
{
    if (!check_name("the function's id", function_id, FUNCTION_ID_SIZE - 1, e))
        return false;
    if (!json_is_object(data))
        return err_set(e, ERR_BUG, "the data must be an object");
    if (timeout_ms < 0)
        return err_set(e, ERR_BUG, "timeout_ms is negative");
    size_t len;
    free(js_dump(data, &len));
    return len <= MAX_DATA_BYTES ||
           err_set(e, ERR_BUG,
                   "the data has %zu bytes, more than %d; keep data in Postgres and pass ids", len,
                   MAX_DATA_BYTES);
}

json_t *step_invoke(struct step *s, const char *function_id, json_t *data, int64_t timeout_ms)
{
    if (data == NULL)
        data = json_object();
    if (!check_invoke(function_id, data, timeout_ms, &s->err)) {
        json_decref(data);
        return refuse(s, "step_invoke");
    }
    return pause_for(s, VERDICT_INVOKE, timeout_ms,
                     js_pack("{s:s, s:o}", "function", function_id, "data", data));
}
