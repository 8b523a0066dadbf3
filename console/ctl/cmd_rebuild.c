/* cmd_rebuild.c: live work back into a Redis that has lost it, by the scheduler's own code. */
#include "js.h"
#include "out.h"
#include "partitions.h"
#include "rows.h"
#include "scheduler/controls.h"
#include "scheduler/epochs.h"
#include "scheduler/rebuild.h"
#include "verify.h"

/* Runs that Postgres takes for live and Redis does not have. */
static bool list_absent(struct ctl *c, json_t **ret, struct err *e)
{
    struct verify v = {
        .c = c, .partitions = c->conf.partitions, .found = json_object(), .counts = json_object()};
    bool ok = verify_recorded(&v, e);
    const char *key;
    json_t *d;
    *ret = json_array();
    json_object_foreach (v.found, key, d) {
        (void)json_array_append(*ret, json_object_get(d, "id"));
    }
    json_decref(v.found);
    json_decref(v.counts);
    return ok;
}

/* As a scheduler does at its start: what operators have set comes first, as it holds for the runs that are put back. */
static bool rebuild(struct ctl *c, struct err *e)
{
    static struct epochs epochs;
    int64_t began_ms;
    if (!epochs_read(&epochs, (int)c->conf.partitions, c->kv, e))
        return false;
    struct identity *identity = identity_start(&c->conf, e);
    if (identity == NULL)
        return false;
    bool ok = controls_apply(&c->conf, e) &&
              rebuild_if_lost(&c->conf, identity, &epochs, true, &began_ms, e);
    identity_stop(identity);
    return ok;
}

static int tell(struct ctl *c, const json_t *before, const json_t *after, bool dry)
{
    size_t was = json_array_size(before), left = json_array_size(after);
    if (c->json) {
        auto_json *j =
            js_pack("{s:b, s:O, s:O}", "dry_run", dry, "absent_before", before, "absent", after);
        out_json(j);
    } else if (dry) {
        out_say(c, "runs that would be started again: %zu", was);
    } else if (left > 0) {
        out_say(c,
                "runs that are still absent: %zu; their function is not known any more, or their "
                "event cannot be read back",
                left);
    } else {
        out_say(c, "every live run is in redis (absent before: %zu)", was);
    }
    return left > 0 ? EXIT_FOUND : EXIT_FINE;
}

static int run(struct ctl *c)
{
    struct err e;
    json_t *before = NULL, *after = NULL;
    bool dry = ctl_flag(c, "dry-run");
    bool ok = partitions_settle(&c->conf.partitions, !dry, c->kv, c->db, &e) &&
              list_absent(c, &before, &e) &&
              (dry || (rebuild(c, &e) && list_absent(c, &after, &e)));
    int code = ok ? tell(c, before, dry ? before : after, dry) : ctl_fail(c, &e);
    json_decref(before);
    json_decref(after);
    return code;
}

const struct command command_rebuild = {
    .name = "rebuild",
    .summary = "Puts live work back into a Redis that has lost it, from Postgres",
    .details = "Functions, limits, what operators have set, the ids of events that were seen, and "
               "every accepted run that has not ended:\n"
               "each goes on from its last recorded step. A scheduler does the same by itself when "
               "it sees that Redis has lost its data; this\n"
               "is for runs that were deleted by hand. What is there is left alone, so it may run "
               "beside schedulers and workers.",
    .options = {{"dry-run", NULL, FLAG,
                 "only tells which runs are absent; exit code 1 when there are any"}},
    .examples = {{"rebuild --dry-run", "how many runs are absent?"},
                 {"rebuild", "starts them again"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
