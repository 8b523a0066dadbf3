/* cmd_forget.c: deletes all data of a creator. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "js.h"
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
                "order %lld: a scheduler deletes the creator's data; chronosctl forget <creator> "
                "--yes --wait waits for it",
                js_int(order, "id", 0));
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

static int run(struct ctl *c)
{
    struct err e;
    if (!ctl_flag(c, "yes"))
        return ctl_usage(
            c, "nothing was done: it cannot be taken back; say --yes to delete all data of %.128s",
            c->arguments[0]);
    auto_result *r = DB_QUERY(c->db, &e, "forget_creator", c->arguments[0]);
    return r != NULL ? wait_for(c, db_text(r, 0, "id")) : ctl_fail(c, &e);
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
