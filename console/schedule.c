#include "schedule.h"

#include <stdlib.h>

#include "clock.h"
#include "cron.h"
#include "js.h"
#include "key.h"
#include "row.h"

json_t *schedule_ticks(struct desk *d, struct err *e)
{
    char prefix[PREFIX_SIZE], key[KEY_SIZE];
    key_prefix(0, prefix);
    auto_reply *r = kv_cmd(d->kv, e, "HGETALL %s", key2(key, prefix, "cron"));
    if (r == NULL)
        return NULL;
    json_t *ticks = json_object();
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        (void)json_object_set_new(ticks, r->element[i]->str,
                                  json_integer(strtoll(r->element[i + 1]->str, NULL, 10)));
    return ticks;
}

/* Redis has the last tick, and before the first one the moment from which on ticks are counted, which is on no minute's beginning
 * but by chance. 0 when there was none. */
static int64_t last_tick(const char *text, int64_t from_ms)
{
    struct cron cron;
    struct err ignored;
    if (from_ms <= 0 || !cron_parse(&cron, text, &ignored))
        return from_ms;
    int64_t tick = cron_next(&cron, from_ms - 1);
    cron_release(&cron);
    return tick == from_ms ? tick : 0;
}

/* 0 when there is none. */
static int64_t next_tick(const char *text, const char *function, int64_t jitter_ms)
{
    struct cron cron;
    struct err ignored;
    if (!cron_parse(&cron, text, &ignored))
        return 0; /* a worker that checked it published it; a newer one may know more */
    int64_t next = cron_next(&cron, wall_ms());
    cron_release(&cron);
    return next > 0 ? next + cron_jitter_ms(function, next, jitter_ms) : 0;
}

json_t *schedule_of(const json_t *manifest, const json_t *ticks)
{
    const char *id = js_str(manifest, "id"), *text = js_str(manifest, "cron.schedule");
    int64_t jitter = js_int(manifest, "cron.jitter_ms", 0);
    const char *missed = js_str(manifest, "cron.missed");
    if (text == NULL || id == NULL)
        return json_null();
    return js_pack("{s:s, s:s, s:I, s:o, s:o}", "cron", text, "missed",
                   missed != NULL ? missed : "one", "jitter_ms", (json_int_t)jitter, "last_tick",
                   json_time(last_tick(text, json_integer_value(json_object_get(ticks, id)))),
                   "next_tick", json_time(next_tick(text, id, jitter)));
}
