#include "steer.h"

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "change.h"
#include "id.h"
#include "js.h"
#include "row.h"
#include "state.h"
#include "when.h"

enum { MOST_REASON = 1000, AT_A_TIME = 200, SAMPLE = 20, MOST_REFUSED = 100 };

struct order {
    const char *id, *reason;
};

static bool cancel(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    auto_result *r = DB_QUERY(d->db, e, "cancel_run", o->id, o->reason);
    return change_carried_by(r, "command_id", ret);
}

static bool retry(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    auto_result *r = DB_QUERY(d->db, e, "retry_run", o->id);
    return change_carried_by(r, "outbox_id", ret);
}

static bool replay(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    auto_result *r = DB_QUERY(d->db, e, "replay_run", o->id);
    return change_carried_by(r, "outbox_id", ret);
}

/* There is such a run: else the caller is told so, and not only that it cannot be done. */
static bool check_run(struct desk *d, const char *id, struct err *e)
{
    auto_json *run = run_get(d, id, e);
    return run != NULL;
}

static bool check_reason(struct desk *d, const char *reason, struct err *e)
{
    if (reason == NULL || (*reason != '\0' && strlen(reason) <= MOST_REASON))
        return true;
    return desk_refuse(d, "reason", e, "reason must be text of 1 to %d bytes", MOST_REASON) != NULL;
}

json_t *run_cancel(struct desk *d, const char *id, const char *reason, struct err *e)
{
    struct order o = {id, reason};
    if (!check_run(d, id, e) || !check_reason(d, reason, e))
        return NULL;
    return change_make(d, cancel, &o, "run.cancel", id, js_pack("{s:s*}", "reason", reason),
                       "the run is being cancelled; a step that runs ends first", e);
}

json_t *run_retry(struct desk *d, const char *id, struct err *e)
{
    struct order o = {id, NULL};
    if (!check_run(d, id, e))
        return NULL;
    return change_make(d, retry, &o, "run.retry", id, NULL,
                       "the run goes on from the step that failed, as a new run", e);
}

json_t *run_replay(struct desk *d, const char *id, struct err *e)
{
    struct order o = {id, NULL};
    if (!check_run(d, id, e))
        return NULL;
    return change_make(d, replay, &o, "run.replay", id, NULL, "the run begins again, as a new run",
                       e);
}

/* ---- many ---- */

struct bulk {
    struct desk *d;
    enum bulk_action action;
    const struct run_filter *filter;
    const char *reason;
    int left; /* how many more may be taken */
    bool dry;
    long long matched, done, audit;
    int64_t newest_ms; /* when the latest of them was accepted */
    bool all;
    json_t *refused, *sample;
};

static const char *const action_names[] = {"cancel", "retry", "replay"};

/* Of a live run only its end can stand against its cancellation: one that has ended since the list was made does not fit. */
static bool note_result(struct bulk *b, const PGresult *r, int row)
{
    const char *error = db_text(r, row, "error");
    if (error == NULL)
        b->done++;
    else if (b->action == BULK_CANCEL)
        b->matched--;
    else if (json_array_size(b->refused) < MOST_REFUSED)
        (void)json_array_append_new(
            b->refused,
            js_pack("{s:o, s:s}", "run_id", row_text(r, row, "run_id"), "error", error));
    return error == NULL;
}

/* Of one page, which is one transaction with one row in the audit log. */
static bool carry_out(struct bulk *b, const json_t *ids, struct err *e)
{
    struct desk *d = b->d;
    auto_free char *array = array_of(ids);
    const char *name = action_names[b->action];
    char action[32];
    if (!db_begin(d->db, e))
        return false;
    auto_result *r = b->action == BULK_CANCEL ? DB_QUERY(d->db, e, "cancel_all", array, b->reason)
                                              : DB_QUERY(d->db, e, "again_all", name, array);
    auto_json *done = json_array();
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        if (note_result(b, r, i))
            (void)json_array_append_new(done, row_text(r, i, "run_id"));
    }
    auto_json *details = js_pack("{s:O, s:s*}", "runs", done, "reason", b->reason);
    (void)snprintf(action, sizeof(action), "runs.%s", name);
    return r != NULL &&
           (json_array_size(done) == 0 || audit_write(d, action, NULL, details, &b->audit, e)) &&
           db_commit(d->db, e);
}

static bool take_page(struct bulk *b, const json_t *page, struct err *e)
{
    size_t i;
    json_t *run;
    auto_json *ids = json_array();
    json_array_foreach (page, i, run) {
        const char *at = js_str(run, "queued_at");
        int64_t ms;
        (void)json_array_append(ids, json_object_get(run, "run_id"));
        if (at != NULL && when_parse(at, &ms) && ms > b->newest_ms)
            b->newest_ms = ms;
        if (json_array_size(b->sample) < SAMPLE)
            (void)json_array_append(b->sample, run);
    }
    b->matched += (long long)i;
    b->left -= (int)i;
    if (b->dry || i == 0 || carry_out(b, ids, e))
        return true;
    db_rollback(b->d->db);
    return false;
}

static bool go_through(struct bulk *b, struct err *e)
{
    char *cursor = NULL;
    bool ok = true;
    do {
        char *next = NULL;
        int most = b->left < AT_A_TIME ? b->left : AT_A_TIME;
        auto_json *page = runs_list(b->d, b->filter, most, cursor, &next, e);
        free(cursor);
        cursor = next;
        ok = page != NULL && take_page(b, page, e);
        if (ok && cursor != NULL && b->left > 0 && !b->dry && b->d->progress != NULL)
            b->d->progress(b->d->listener, b->done);
    } while (ok && cursor != NULL && b->left > 0);
    b->all = cursor == NULL;
    free(cursor);
    return ok;
}

/* ---- many by one order ---- */

static bool is_one(const char *list)
{
    return list == NULL || strchr(list, ',') == NULL;
}

/* A scheduler looks for the runs itself: what it can ask for is all live runs of a function, of a creator, of a time. */
static bool can_be_one(const struct bulk *b)
{
    const struct run_filter *f = b->filter;
    return b->action == BULK_CANCEL && run_state_mask(f->status) == RUN_LIVE_MASK &&
           is_one(f->function) && is_one(f->creator) && f->event_name == NULL && f->q == NULL &&
           b->reason == NULL;
}

static const char *time_of(int64_t ms, char out[24])
{
    (void)snprintf(out, 24, "%lld", (long long)ms);
    return ms != 0 ? out : NULL;
}

static bool cancel_where(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    char since[24], until[24];
    const struct run_filter *f = what;
    auto_result *r = DB_QUERY(d->db, e, "cancel_where", f->function, f->creator,
                              time_of(f->after_ms, since), time_of(f->before_ms, until));
    return change_carried_by(r, "command_id", ret);
}

static json_t *when(int64_t ms)
{
    return ms != 0 ? json_time(ms) : NULL;
}

/* What is accepted after those that were counted is not cancelled. */
static bool cancel_as_one(struct bulk *b, struct err *e)
{
    struct run_filter f = *b->filter;
    f.before_ms = b->newest_ms + 1;
    auto_json *done =
        change_make(b->d, cancel_where, &f, "runs.cancel", NULL,
                    js_pack("{s:s*, s:s*, s:o*, s:o*}", "function", f.function, "creator",
                            f.creator, "since", when(f.after_ms), "until", when(f.before_ms)),
                    "the runs are being cancelled", e);
    b->done = b->matched;
    b->audit = js_int(done, "audit_id", 0);
    return done != NULL;
}

/* They are counted first: when there are more than are meant, or few, each gets its own order. */
static bool work(struct bulk *b, struct err *e)
{
    struct bulk first = *b;
    if (b->dry || !can_be_one(b) || b->left <= AT_A_TIME)
        return go_through(b, e);
    first.dry = true;
    if (!go_through(&first, e))
        return false;
    if (!first.all || first.matched <= AT_A_TIME) {
        (void)json_array_clear(b->sample);
        return go_through(b, e);
    }
    struct bulk one = *b;
    one.matched = first.matched;
    one.newest_ms = first.newest_ms;
    one.all = true;
    if (cancel_as_one(&one, e)) {
        *b = one;
        return true;
    }
    if (e->code != ERR_INPUT)
        return false;
    (void)json_array_clear(
        b->sample); /* of a function that is forgotten each run can be cancelled by itself */
    return go_through(b, e);
}

/* What can be done only to live runs, and what only to ended ones. */
static const char *status_for(enum bulk_action action, const char *asked)
{
    static const char *const otherwise[] = {"live", "failed,cancelled", "ended"};
    return asked != NULL && *asked != '\0' ? asked : otherwise[action];
}

static bool check_status(struct desk *d, enum bulk_action action, const char *status, struct err *e)
{
    unsigned mask = run_state_mask(status);
    unsigned may = action == BULK_CANCEL  ? RUN_LIVE_MASK
                   : action == BULK_RETRY ? RUN_BIT(RUN_FAILED) | RUN_BIT(RUN_CANCELLED)
                                          : RUN_ENDED_MASK;
    if ((mask & ~may) == 0)
        return true; /* 0: runs_list says that it is none */
    return desk_refuse(d, "filter.status", e, "filter.status: %s takes only %s runs",
                       action_names[action], status_for(action, NULL)) != NULL;
}

json_t *runs_bulk(struct desk *d, enum bulk_action action, const struct run_filter *f, int limit,
                  bool dry_run, const char *reason, struct err *e)
{
    struct run_filter filter = *f;
    struct bulk b = {.d = d,
                     .action = action,
                     .filter = &filter,
                     .reason = reason,
                     .left = limit,
                     .dry = dry_run};
    filter.status = status_for(action, f->status);
    if (!check_status(d, action, filter.status, e) || !check_reason(d, reason, e))
        return NULL;
    b.refused = json_array();
    b.sample = json_array();
    json_t *j = NULL;
    if (work(&b, e))
        j = js_pack("{s:s, s:b, s:I, s:b, s:I, s:O, s:O, s:o}", "action", action_names[action],
                    "dry_run", dry_run, "matched", (json_int_t)b.matched, "matched_all", b.all,
                    "done", (json_int_t)b.done, "refused", b.refused, "sample", b.sample,
                    "audit_id", b.audit != 0 ? json_integer(b.audit) : json_null());
    json_decref(b.refused);
    json_decref(b.sample);
    return j;
}
