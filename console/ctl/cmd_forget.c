/* cmd_forget.c: deletes all data of a creator. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/change.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { LOOK_MS = 500 };

/* As it stands; NULL: it cannot be asked. */
static json_t *read_order(struct ctl *c, const char *id, struct err *e)
{
    auto_result *r = DB_QUERY(c->db, e, "forget_order", id);
    auto_json *rows = r != NULL ? out_rows(r) : NULL;
    return json_incref(json_array_get(rows, 0));
}

static int tell(const struct ctl *c, const json_t *order)
{
    bool done = js_get(order, "done_at") != NULL;
    if (c->json)
        out_json(order);
    else if (done)
        out_fields(c, order);
    else
        out_say(c,
                "order %lld: a scheduler deletes the creator's data; chronosctl forget %s --yes "
                "--wait waits for it",
                js_int(order, "id", 0), c->arguments[0]);
    return EXIT_FINE;
}

static int wait_for(struct ctl *c, const char *id)
{
    struct err e;
    ctl_catch_signals();
    for (;;) {
        auto_json *order = read_order(c, id, &e);
        if (order == NULL)
            return ctl_fail(c, &e);
        if (js_get(order, "done_at") != NULL || !ctl_flag(c, "wait"))
            return tell(c, order);
        if (!ctl_nap(LOOK_MS))
            return EXIT_FOUND;
    }
}

static bool forget(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "forget_creator", (const char *)what);
    *ret = (struct carrier){"order_id", r != NULL ? db_int(r, 0, "id", 0) : 0};
    return r != NULL;
}

static int run(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    if (!ctl_flag(c, "yes"))
        return ctl_usage(
            c, "nothing was done: it cannot be taken back; say --yes to delete all data of %.128s",
            c->arguments[0]);
    /* the audit keeps who ordered it, and no creator's id */
    auto_json *done = change_make(&d, forget, c->arguments[0], "creator.forget", NULL, NULL,
                                  "the creator's data is being deleted", &e);
    return done != NULL ? wait_for(c, js_str(done, "id")) : operate_fail(c, &d, &e);
}

const struct command command_forget = {
    .name = "forget",
    .summary = "Deletes all data of a creator, for good: videos, history, live runs",
    .details = "The order is durable; a scheduler cancels the creator's live runs and works it "
               "off. Asked again it is the same order.",
    .arguments = {{"creator", TEXT, "the creator's id"}},
    .options = {{"yes", NULL, FLAG, "it is meant: what is deleted cannot be brought back"},
                {"wait", NULL, FLAG, "until nothing is left; shows what was deleted"}},
    .examples = {{"forget 8c0e… --yes --wait", "because the creator asked for it"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
