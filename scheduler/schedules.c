#include "schedules.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "log.h"

static char *copy(const char *s)
{
    char *c = strdup(s);
    if (c == NULL)
        abort();
    return c;
}

static void release(struct schedule *s)
{
    cron_release(&s->cron);
    free(s->fn);
    free(s->manifest);
    free(s->text);
}

void schedules_release(struct schedules *s)
{
    for (size_t i = 0; i < s->len; i++)
        release(&s->items[i]);
    free(s->items);
    *s = (struct schedules){0};
}

static enum missed_ticks missed_of(const json_t *manifest)
{
    const char *missed = js_str(manifest, "cron.missed");
    if (missed != NULL && strcmp(missed, "skip") == 0)
        return MISSED_SKIP;
    return missed != NULL && strcmp(missed, "all") == 0 ? MISSED_ALL : MISSED_ONE;
}

static void read_one(struct schedule *s, const char *fn, const redisReply *manifest)
{
    struct err e;
    *s = (struct schedule){.fn = copy(fn), .manifest = copy(manifest->str)};
    auto_json *j = js_parse(manifest->str, manifest->len, &e);
    const char *text = js_str(j, "cron.schedule");
    if (text == NULL)
        return;
    if (!cron_parse(&s->cron, text, &e)) {
        s->broken = true;
        log_error("a function's schedule cannot be read; it does not fire", "fn", fn, "error",
                  e.msg, LOG_END);
        return;
    }
    s->text = copy(text);
    s->jitter_ms = js_int(j, "cron.jitter_ms", 0);
    s->missed = missed_of(j);
}

static struct schedule *find(const struct schedules *s, const char *fn)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->items[i].fn != NULL && strcmp(s->items[i].fn, fn) == 0)
            return &s->items[i];
    }
    return NULL;
}

void schedules_read(struct schedules *s, const redisReply *functions)
{
    struct schedules fresh = {.items = calloc(functions->elements / 2 + 1, sizeof(*fresh.items))};
    if (fresh.items == NULL)
        abort();
    for (size_t i = 0; i + 1 < functions->elements; i += 2) {
        const redisReply *fn = functions->element[i], *manifest = functions->element[i + 1];
        struct schedule *to = &fresh.items[fresh.len++], *old = find(s, fn->str);
        if (old != NULL && strcmp(old->manifest, manifest->str) == 0) {
            *to = *old;
            *old = (struct schedule){0}; /* moved */
        } else {
            read_one(to, fn->str, manifest);
        }
    }
    schedules_release(s);
    *s = fresh;
}
