/* cmd_steer.c: what people do to runs: one, or all that fit. */
#include "console/steer.h"

#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { USUAL = 100, MOST = 10000 };

/* What became of those that were chosen. */
static const char *const became[] = {
    [BULK_CANCEL] = "are being cancelled; a step that runs ends first",
    [BULK_RETRY] = "go on from the step that failed, as new runs",
    [BULK_REPLAY] = "begin again, as new runs",
};

/* On standard error: the answer is not there yet. */
static void tell_progress(const void *listener, long long n)
{
    const struct ctl *c = listener;
    if (!c->json)
        (void)fprintf(stderr, "chronosctl %s: %lld runs so far\n", c->command->name, n);
}

static int tell_bulk(struct ctl *c, enum bulk_action action, const json_t *bulk)
{
    static const struct column columns[] = {{"run_id", "RUN", CELL_TEXT, 0},
                                            {"state", "STATE", CELL_TEXT, 0},
                                            {"function_id", "FUNCTION", CELL_TEXT, 34},
                                            {"creator_id", "CREATOR", CELL_TEXT, 36},
                                            {"error.message", "ERROR", CELL_TEXT, 50},
                                            {0}};
    size_t i;
    json_t *refused;
    if (c->json) {
        out_json(bulk);
        return json_array_size(json_object_get(bulk, "refused")) > 0 ? EXIT_FOUND : EXIT_FINE;
    }
    if (js_bool(bulk, "dry_run", false)) {
        out_table(c, json_object_get(bulk, "sample"), columns, "no run fits");
        out_say(c, "%lld runs fit%s; nothing was done", js_int(bulk, "matched", 0),
                js_bool(bulk, "matched_all", true) ? "" : ", and there are more: raise --limit");
        return EXIT_FINE;
    }
    json_array_foreach (json_object_get(bulk, "refused"), i, refused) {
        out_say(c, "%s: %s", js_str(refused, "run_id"), operate_sentence(js_str(refused, "error")));
    }
    if (js_int(bulk, "matched", 0) == 0) {
        out_say(c, "no run fits");
        return EXIT_FINE;
    }
    out_say(c, "%lld of %lld runs %s%s", js_int(bulk, "done", 0), js_int(bulk, "matched", 0),
            became[action], js_bool(bulk, "matched_all", true) ? "" : "; there are more that fit");
    return js_int(bulk, "done", 0) < js_int(bulk, "matched", 0) ? EXIT_FOUND : EXIT_FINE;
}

static bool is_empty(const struct run_filter *f)
{
    return f->function == NULL && f->status == NULL && f->creator == NULL &&
           f->event_name == NULL && f->q == NULL && f->after_ms == 0 && f->before_ms == 0;
}

typedef json_t *one_fn(struct desk *d, const char *id, const char *reason, struct err *e);

static int steer(struct ctl *c, enum bulk_action action, one_fn *one, const char *reason)
{
    struct err e;
    struct desk d = operate_desk(c);
    struct run_filter filter = filter_read(c);
    const char *id = c->arguments[0];
    if (id != NULL && !is_empty(&filter))
        return ctl_usage(c, "name a run, or choose runs by options, not both");
    if (id != NULL && ctl_flag(c, "dry-run"))
        return ctl_usage(c, "--dry-run is for runs that are chosen by options");
    if (id == NULL && is_empty(&filter))
        return ctl_usage(
            c, "run is missing: its id, or options that choose runs (--function, --status, "
               "--since …)");
    if (id != NULL)
        return operate_started(c, &d, one(&d, id, reason, &e), &e);
    d.progress = tell_progress;
    d.listener = c;
    auto_json *bulk = runs_bulk(&d, action, &filter, (int)ctl_number(c, "limit", USUAL),
                                ctl_flag(c, "dry-run"), reason, &e);
    if (bulk == NULL)
        return operate_fail(c, &d, &e);
    int code = js_int(bulk, "matched", 0) == 0 ? operate_functions(c, filter.function) : EXIT_FINE;
    return code == EXIT_FINE ? tell_bulk(c, action, bulk) : code;
}

#define BULK_OPTIONS                                                                               \
    FILTER_OPTIONS, {"limit", "N", NUMBER, "most runs; 100 unless given", NULL, 1, MOST},          \
    {                                                                                              \
        "dry-run", NULL, FLAG, "only tells which runs it would be"                                 \
    }

static json_t *retry_one(struct desk *d, const char *id, const char *reason, struct err *e)
{
    (void)reason;
    return run_retry(d, id, e);
}

static int retry(struct ctl *c)
{
    return steer(c, BULK_RETRY, retry_one, NULL);
}

const struct command command_retry = {
    .name = "retry",
    .summary = "Goes on with runs that failed or were cancelled, from the step that failed",
    .details = "As new runs: steps that were done are not done again.",
    .arguments = {{"run", RUN, "the run's id; left out: all that fit the options",
                   .optional = true}},
    .options = {BULK_OPTIONS},
    .examples = {{"retry 01K3ZQ6Y8D4T2N9R5B7C1M0XWE", "one"},
                 {"retry --function transcribe-video --status Failed --since 2h --dry-run",
                  "which would it be?"},
                 {"retry --status Failed --text 'quota' --limit 500",
                  "all that failed for that reason"}},
    .run = retry,
    .settings = CONF_SCHEDULER,
};

static json_t *replay_one(struct desk *d, const char *id, const char *reason, struct err *e)
{
    (void)reason;
    return run_replay(d, id, e);
}

static int replay(struct ctl *c)
{
    return steer(c, BULK_REPLAY, replay_one, NULL);
}

const struct command command_replay = {
    .name = "replay",
    .summary = "Runs runs that have ended again from the start, as new runs",
    .arguments = {{"run", RUN, "the run's id; left out: all that fit the options",
                   .optional = true}},
    .options = {BULK_OPTIONS},
    .examples = {{"replay 01K3ZQ6Y8D4T2N9R5B7C1M0XWE", "one"},
                 {"replay --function generate-video-embeddings --since 7d --dry-run",
                  "which would it be?"}},
    .run = replay,
    .settings = CONF_SCHEDULER,
};

static int cancel(struct ctl *c)
{
    return steer(c, BULK_CANCEL, run_cancel, ctl_option(c, "reason"));
}

const struct command command_cancel = {
    .name = "cancel",
    .summary = "Ends live runs before their time",
    .details = "A run that a worker is at ends after its step.",
    .arguments = {{"run", RUN, "the run's id; left out: all that fit the options",
                   .optional = true}},
    .options = {BULK_OPTIONS, {"reason", "TEXT", TEXT, "shown with the run, and in the audit"}},
    .examples = {{"cancel 01K3ZQ6Y8D4T2N9R5B7C1M0XWE --reason 'wrong file'", "one"},
                 {"cancel --creator 8c0e… --status waiting --dry-run", "which would it be?"}},
    .run = cancel,
    .settings = CONF_SCHEDULER,
};
