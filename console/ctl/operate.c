#include "operate.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "console/events.h"
#include "js.h"
#include "out.h"

enum { PAGE = 200, START_MS = 5000, LOOK_MS = 100 };

struct desk operate_desk(struct ctl *c)
{
    static char who[96], from[128];
    const struct passwd *user = getpwuid(geteuid());
    char host[96] = "";
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(who, sizeof(who), "shell:%.64s", user != NULL ? user->pw_name : "?");
    (void)snprintf(from, sizeof(from), "%s", *host != '\0' ? host : "?");
    return (struct desk){.conf = &c->conf, .kv = c->kv, .db = c->db, .who = who, .from = from};
}

/* "cancel_run: cancel: run 01… has ended" → what follows the names of queries and functions */
const char *operate_sentence(const char *text)
{
    size_t n;
    while ((n = strspn(text, "abcdefghijklmnopqrstuvwxyz_")) > 0 && text[n] == ':' &&
           text[n + 1] == ' ')
        text += n + 2;
    return text;
}

/* Postgres' functions speak to who calls them in SQL. */
static void reword(const char *text, char *out, size_t size)
{
    static const struct {
        const char *sql, *shell;
    } words[] = {{"owner must be null", "leave the owner out"},
                 {"owner must say whose", "name the owner"},
                 {"chronos.replay ", "chronosctl replay "},
                 {"chronos.invoke ", "chronosctl trigger "}};
    (void)snprintf(out, size, "%s", text);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *at = strstr(text, words[i].sql);
        if (at != NULL)
            (void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, words[i].shell,
                           at + strlen(words[i].sql));
    }
}

/* "filter.status" is --status. */
static bool is_option(const struct ctl *c, const char *field)
{
    const char *dot = strrchr(field, '.');
    const char *name = dot != NULL ? dot + 1 : field;
    for (const struct option *o = c->command->options; o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0)
            return true;
    }
    return false;
}

int operate_fail(struct ctl *c, const struct desk *d, const struct err *e)
{
    char text[sizeof(e->msg)];
    if (e->code != ERR_INPUT)
        return ctl_fail(c, e);
    if (d->field != NULL && !d->missing && is_option(c, d->field))
        return ctl_usage(c, "%s", e->msg);
    if (d->field != NULL)
        return ctl_refuse(c, "%s", e->msg);
    reword(operate_sentence(e->msg), text, sizeof(text));
    return ctl_refuse(c, "%s", text);
}

/* ---- functions that are named ---- */

static const char *function_name(const void *of, int i)
{
    return i < PQntuples(of) ? db_text(of, i, "id") : NULL;
}

static bool has_function(const PGresult *r, const char *id)
{
    for (int i = 0; i < PQntuples(r); i++) {
        if (strcmp(db_text(r, i, "id"), id) == 0)
            return true;
    }
    return false;
}

int operate_functions(struct ctl *c, const char *list)
{
    struct err e;
    char id[129];
    auto_result *r = list != NULL ? DB_QUERY(c->db, &e, "list_functions") : NULL;
    for (; r != NULL && *list != '\0'; list += *list == ',') {
        size_t n = strcspn(list, ",");
        (void)snprintf(id, sizeof(id), "%.*s", (int)n, list);
        list += n;
        if (n == 0 || has_function(r, id))
            continue;
        const char *near = nearest_name(id, function_name, r);
        return ctl_refuse(c, "there is no function %s%s%s%s", id,
                          near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                          near != NULL ? "?" : "");
    }
    return EXIT_FINE;
}

/* ---- what was done ---- */

int operate_done(struct ctl *c, const struct desk *d, json_t *done, const struct err *e)
{
    if (done == NULL)
        return operate_fail(c, d, e);
    if (c->json)
        out_json(done);
    else
        out_say(c, "%s", js_str(done, "done") != NULL ? js_str(done, "done") : "done");
    json_decref(done);
    return EXIT_FINE;
}

/* The runs that the event started; NULL when no scheduler has recorded it in time. */
static json_t *wait_for_runs(struct desk *d, const char *event)
{
    struct err e;
    size_t i;
    json_t *run;
    ctl_catch_signals();
    for (int64_t until = mono_ms() + START_MS;;) {
        auto_json *recorded = event_get(d, event, &e);
        if (recorded != NULL) {
            json_t *ids = json_array();
            json_array_foreach (json_object_get(recorded, "runs"), i, run)
                (void)json_array_append(ids, json_object_get(run, "run_id"));
            return ids;
        }
        if (!d->missing || mono_ms() >= until || !ctl_nap(LOOK_MS))
            return NULL;
    }
}

int operate_started(struct ctl *c, struct desk *d, json_t *done, const struct err *e)
{
    const char *event = js_str(done, "event_id"), *what = js_str(done, "done");
    if (done == NULL || event == NULL)
        return operate_done(c, d, done, e);
    auto_json *owned = done, *runs = wait_for_runs(d, event);
    (void)json_object_set_new(owned, "run_ids", runs != NULL ? json_incref(runs) : json_null());
    if (c->json)
        out_json(owned);
    else if (runs == NULL)
        out_say(c, "%s; no scheduler has started it yet: chronosctl events %s shows its run", what,
                event);
    else if (json_array_size(runs) == 0)
        out_say(c, "%s; its event started no run: chronosctl events %s", what, event);
    for (size_t i = 0; i < json_array_size(runs); i++)
        out_say(c, "%s: %s", what, json_string_value(json_array_get(runs, i)));
    return EXIT_FINE;
}

json_t *operate_pages(struct desk *d, page_fn *page, const void *arg, long limit, struct err *e)
{
    json_t *all = json_array();
    char *cursor = NULL;
    do {
        long left = limit - (long)json_array_size(all);
        char *next = NULL;
        json_t *rows = page(d, arg, left < PAGE ? (int)left : PAGE, cursor, &next, e);
        free(cursor);
        cursor = next;
        if (rows == NULL) {
            json_decref(all);
            free(cursor);
            return NULL;
        }
        (void)json_array_extend(all, rows);
        json_decref(rows);
    } while (cursor != NULL && (long)json_array_size(all) < limit);
    free(cursor);
    return all;
}
