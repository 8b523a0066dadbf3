#include "result.h"

#include "clock.h"
#include "js.h"

void result_release(struct result *r)
{
    json_decref(r->value);
    json_decref(r->cursor);
    json_decref(r->pause);
    json_decref(r->events);
}

json_t *result_to_json(const struct result *r)
{
    return js_pack("{s:i, s:O, s:O?, s:O?, s:O, s:f, s:f, s:I, s:I}", "verdict", (int)r->verdict,
                   "value", r->value, "cursor", r->cursor, "pause", r->pause, "events", r->events,
                   "cost", r->cost_usd, "billed", r->billed_usd, "delay", (json_int_t)r->delay_ms,
                   "until", (json_int_t)r->until_ms);
}

/* Not js_get: a cursor of null is a cursor. */
static json_t *member(const json_t *j, const char *name)
{
    return json_incref(json_object_get(j, name));
}

void result_from_json(struct result *r, const json_t *j)
{
    result_release(r);
    r->verdict = (enum verdict)js_int(j, "verdict", VERDICT_VALUE);
    r->value = member(j, "value");
    if (r->value == NULL)
        r->value = json_null();
    r->cursor = member(j, "cursor");
    r->pause = json_incref(js_get(j, "pause"));
    r->events = member(j, "events");
    r->cost_usd = js_num(j, "cost", 0);
    r->billed_usd = js_num(j, "billed", 0);
    r->delay_ms = js_int(j, "delay", 0);
    r->until_ms = js_int(j, "until", 0);
}

int64_t result_delay_ms(const struct result *r)
{
    if (r->until_ms == 0)
        return r->delay_ms;
    int64_t left = r->until_ms - wall_ms();
    return left > 0 ? left : 0;
}
