/* step.c: the calls that a function's author has (see engine/function.h). */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "log.h"
#include "names.h"
#include "step_state.h"
#include "usd.h"

json_t *step_ok(void)
{
    return json_null();
}

static json_t *answer(struct step *s, enum verdict verdict, json_t *value)
{
    s->state->result->verdict = verdict;
    return value != NULL ? value : json_null();
}

json_t *step_finish(struct step *s, json_t *value)
{
    return answer(s, VERDICT_FINISH, value);
}

json_t *step_again(struct step *s, json_t *cursor, json_t *value)
{
    json_decref(s->state->result->cursor);
    s->state->result->cursor = cursor != NULL ? cursor : json_null();
    return answer(s, VERDICT_AGAIN, value);
}

json_t *step_sleep(struct step *s, int64_t ms)
{
    s->state->result->delay_ms = ms > 0 ? ms : 0;
    s->state->result->until_ms = 0;
    return answer(s, VERDICT_SLEEP, NULL);
}

json_t *step_sleep_until(struct step *s, int64_t epoch_ms)
{
    if (epoch_ms <= s->now_ms)
        return step_sleep(s, 0);
    s->state->result->until_ms = epoch_ms;
    return answer(s, VERDICT_SLEEP, NULL);
}

__attribute__((format(printf, 4, 0))) static json_t *
fail(struct step *s, enum err_code code, int64_t retry_after_ms, const char *fmt, va_list ap)
{
    char msg[sizeof(s->err.msg)];
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    (void)err_set(&s->err, code, "%s", msg);
    s->err.retry_after_ms = retry_after_ms;
    s->state->result->verdict = VERDICT_FAIL;
    return NULL;
}

json_t *step_fail(struct step *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_t *none = fail(s, ERR_RETRY, 0, fmt, ap);
    va_end(ap);
    return none;
}

json_t *step_fail_for_good(struct step *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_t *none = fail(s, ERR_PERMANENT, 0, fmt, ap);
    va_end(ap);
    return none;
}

json_t *step_retry_after(struct step *s, int64_t ms, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_t *none = fail(s, ERR_RETRY, ms, fmt, ap);
    va_end(ap);
    return none;
}

json_t *step_error(struct step *s)
{
    if (s->err.code == ERR_NONE)
        (void)err_set(&s->err, ERR_BUG, "step failed without saying why");
    s->state->result->verdict = VERDICT_FAIL;
    return NULL;
}

const json_t *step_result(struct step *s, const char *name)
{
    return json_object_get(s->state->run->results, name);
}

/* The items of an .each row are named by its stored list; those of step_again by their number. */
const json_t *step_results(struct step *s, const char *name)
{
    json_t *results = s->state->run->results;
    char key[NAME_SIZE];
    (void)snprintf(key, sizeof(key), "all:%s", name);
    json_t *all = json_object_get(results, key);
    if (all != NULL)
        return all;
    all = json_array();
    name_of_list(key, name);
    const json_t *items = json_object_get(results, key), *item;
    size_t i;
    json_array_foreach (items, i, item) {
        name_of_item(key, name, item, i);
        json_t *v = json_object_get(results, key);
        if (v != NULL)
            (void)json_array_append(all, v);
    }
    for (i = 0; items == NULL; i++) {
        name_of_turn(key, name, (long)i);
        json_t *v = json_object_get(results, key);
        if (v == NULL)
            break;
        (void)json_array_append(all, v);
    }
    /* Kept beside the results so that what was handed out stays alive as long as they do. */
    (void)snprintf(key, sizeof(key), "all:%s", name);
    (void)json_object_set_new(results, key, all);
    return all;
}

void step_send(struct step *s, const char *event_name, json_t *data)
{
    json_t *event = json_array();
    (void)json_array_append_new(event, json_string(event_name));
    (void)json_array_append_new(event, data != NULL ? data : json_object());
    (void)json_array_append_new(s->state->result->events, event);
}

void step_cost(struct step *s, double usd)
{
    if (usd > 0 && isfinite(usd))
        s->state->result->cost_usd += usd;
}

double step_spent(const struct step *s)
{
    return s->state->run->cost_usd;
}

double step_bill(struct step *s)
{
    const struct run *run = s->state->run;
    double usd = usd_round(run->cost_usd + run->branch_usd - run->billed_usd);
    s->state->result->billed_usd = usd > 0 ? usd : 0;
    return s->state->result->billed_usd;
}

bool step_is_cancelled(const struct step *s)
{
    return seat_reason(s->state->seat) != NULL;
}

void step_log(struct step *s, const char *fmt, ...)
{
    if (!log_enabled(LOG_INFO))
        return;
    char msg[512], attempt[16];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    (void)snprintf(attempt, sizeof(attempt), "%d", s->attempt);
    log_info("a step says", "run", s->run_id, "fn", s->function_id, "step", s->name, "attempt",
             attempt, "says", msg, LOG_END);
}
