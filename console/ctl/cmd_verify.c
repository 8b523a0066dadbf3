/* cmd_verify.c: audits Redis against Postgres and tells every difference. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "out.h"
#include "rows.h"
#include "verify.h"

enum { SETTLE_MS = 2500, LONGEST_SETTLE_MS = 600000 };

/* What mends each kind, for people. */
static const struct {
    const char *kind, *mend;
} mends[] = {
    {"slot_without_right", "a scheduler's audit takes it back within CHRONOS_AUDIT_MS"},
    {"run_nowhere", "a scheduler's audit puts it back within CHRONOS_AUDIT_MS"},
    {"run_without_slot", "a scheduler's audit takes the slot within CHRONOS_AUDIT_MS"},
    {"queue_behind_no_limit", "pause and resume its function: its runs are looked at again"},
    {"waiting_but_absent",
     "nothing: it is skipped when its turn comes; chronosctl rebuild for the run itself"},
    {"ready_but_absent",
     "nothing: a worker drops the entry; chronosctl rebuild for the run itself"},
    {"timer_but_absent",
     "nothing: it is dropped when it is due; chronosctl rebuild for the run itself"},
    {"recorded_but_absent", "chronosctl rebuild starts it again from its last recorded step"},
    {"live_but_unrecorded",
     "keep Redis: Postgres could not rebuild it; look at the schedulers' log"},
    {"live_but_ended", "chronosctl cancel <run>, when a worker does not end it by itself"},
    {"event_not_enqueued", "start a scheduler, and look at its log"},
    {"consumer_without_worker", "a scheduler gives its work to others after CHRONOS_LEASE_MS"},
    {"consumer_without_scheduler",
     "another scheduler takes its events over after CHRONOS_LEASE_MS"},
    {"function_not_in_redis", "chronosctl rebuild, or start a worker that has it"},
    {"function_not_in_postgres", "a scheduler stores it at its start"},
    {"control_differs", "a scheduler sets it again within a minute"},
    {"another_redis", "restart the schedulers, or chronosctl rebuild"},
};

static const char *mend_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(mends); i++) {
        if (strcmp(mends[i].kind, kind) == 0)
            return mends[i].mend;
    }
    return NULL;
}

void verify_note(struct verify *v, const char *kind, const char *place, const char *id,
                 const char *detail)
{
    char key[2048];
    (void)snprintf(key, sizeof(key), "%s\n%s\n%s", kind, place, id);
    json_t *d = js_pack("{s:s, s:s, s:s, s:s?, s:s?}", "kind", kind, "place", place, "id", id,
                        "detail", detail, "mend", mend_of(kind));
    if (d != NULL)
        (void)json_object_set_new(v->found, key, d);
}

void verify_count(struct verify *v, const char *what, long long n)
{
    json_t *before = json_object_get(v->counts, what);
    (void)json_object_set_new(v->counts, what, json_integer(json_integer_value(before) + n));
}

static bool look(struct verify *v, struct err *e)
{
    static bool (*const parts[])(struct verify *, struct err *) = {
        verify_settings, verify_events,   verify_consumers, verify_slots,
        verify_places,   verify_recorded, verify_runs};
    json_object_clear(v->counts);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!parts[i](v, e))
            return false;
    }
    return true;
}

/* Both times: the first finding is kept where the second has it too. */
static bool look_twice(struct verify *v, int64_t settle_ms, struct err *e)
{
    if (!look(v, e))
        return false;
    if (json_object_size(v->found) == 0)
        return true;
    auto_json *first = v->found;
    const char *key;
    json_t *d;
    void *next;
    v->found = json_object();
    if (!ctl_nap(settle_ms))
        return err_set(e, ERR_STOPPING, "interrupted");
    if (!look(v, e))
        return false;
    json_object_foreach_safe(v->found, next, key, d)
    {
        if (json_object_get(first, key) == NULL)
            (void)json_object_del(v->found, key);
    }
    return true;
}

static json_t *as_list(const json_t *found)
{
    json_t *list = json_array();
    const char *key;
    json_t *d;
    json_object_foreach ((json_t *)found, key, d) {
        (void)json_array_append(list, d);
    }
    return list;
}

static void say_counts(const struct verify *v)
{
    const char *what;
    json_t *n;
    char text[512] = "";
    json_object_foreach (v->counts, what, n) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%lld %s", len > 0 ? ", " : "",
                       (long long)json_integer_value(n), what);
    }
    out_say(v->c, "looked at %s", *text != '\0' ? text : "an empty engine");
}

/* Each kind's mend once, below the table. */
static void say_mends(const struct verify *v, const json_t *list)
{
    auto_json *said = json_object();
    size_t i;
    json_t *d;
    json_array_foreach (list, i, d) {
        const char *kind = js_str(d, "kind");
        if (json_object_get(said, kind) != NULL)
            continue;
        (void)json_object_set_new(said, kind, json_true());
        out_say(v->c, "%s: %s", kind, mend_of(kind));
    }
}

static int tell(const struct verify *v)
{
    static const struct column columns[] = {{"kind", "DIFFERENCE", CELL_TEXT, 0},
                                            {"place", "WHERE", CELL_TEXT, 30},
                                            {"id", "WHAT", CELL_TEXT, 60},
                                            {"detail", "DETAIL", CELL_TEXT, 60},
                                            {0}};
    auto_json *list = as_list(v->found);
    size_t n = json_array_size(list);
    if (v->c->json) {
        auto_json *j =
            js_pack("{s:b, s:O, s:O}", "ok", n == 0, "looked_at", v->counts, "differences", list);
        out_json(j);
    } else {
        out_table(v->c, list, columns, "no difference");
        say_mends(v, list);
        say_counts(v);
    }
    return n > 0 ? EXIT_FOUND : EXIT_FINE;
}

static int run(struct ctl *c)
{
    struct err e = {0};
    struct verify v = {.c = c, .found = json_object(), .counts = json_object()};
    ctl_catch_signals();
    bool ok = ctl_partitions(c, &v.partitions, &e) &&
              look_twice(&v, ctl_number(c, "settle-ms", SETTLE_MS), &e);
    int code = ok ? tell(&v) : ctl_fail(c, &e);
    json_decref(v.found);
    json_decref(v.counts);
    return code;
}

const struct command command_verify = {
    .name = "verify",
    .summary = "Audits Redis against itself and against Postgres, and tells every difference",
    .details = "Slots without a right, runs that are nowhere or run without their slots, queues "
               "that wait for nothing, entries of runs that\n"
               "are gone, runs recorded as live but absent and the other way round, events that "
               "are not enqueued, consumers whose\n"
               "daemon is dead, functions and operators' settings that differ, another Redis than "
               "the one Postgres knows.\n\n"
               "It changes nothing and may run beside full load: what differs is looked at again "
               "after a while, and told when it\n"
               "still does.",
    .options = {{"settle-ms", "MS", NUMBER,
                 "how long after the first look the second is; 2500 unless given", NULL, 0,
                 LONGEST_SETTLE_MS}},
    .examples = {{"verify", "after an incident: is anything left to mend?"},
                 {"verify --json > audit.json || alert", "every night"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
