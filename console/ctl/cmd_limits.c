/* cmd_limits.c: what holds runs back, and other maxima for it. */
#include "console/limiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { MOST = 1000000 };

/* "fn/transcribe-video" is the function's id, too. */
static bool is_named(const json_t *row, const char *name)
{
    const char *own = js_str(row, "name");
    return strcmp(own, name) == 0 || (strncmp(own, "fn/", 3) == 0 && strcmp(own + 3, name) == 0);
}

static bool is_of(const json_t *row, const char *owner)
{
    const char *own = js_str(row, "owner");
    return owner == NULL || (own != NULL && strcasecmp(own, owner) == 0);
}

/* Those of the name and the owner; of an owner who has none of his own the rule. */
static json_t *choose(const json_t *all, const char *name, const char *owner)
{
    size_t i;
    json_t *row, *own = json_array(), *rules = json_array();
    json_array_foreach (all, i, row) {
        if (is_named(row, name) && is_of(row, owner))
            (void)json_array_append(own, row);
        else if (is_named(row, name) && js_str(row, "owner") == NULL)
            (void)json_array_append(rules, row);
    }
    bool any = json_array_size(own) > 0;
    json_decref(any ? rules : own);
    return any ? own : rules;
}

static int list_weights(struct ctl *c, struct desk *d, const char *owner)
{
    static const struct column columns[] = {
        {"owner", "OWNER", CELL_TEXT, 36}, {"weight", "WEIGHT", CELL_RIGHT, 0}, {0}};
    struct err e;
    size_t i;
    json_t *row;
    auto_json *all = weights_list(d, &e), *own = json_array();
    if (all == NULL)
        return operate_fail(c, d, &e);
    json_array_foreach (all, i, row) {
        if (is_of(row, owner))
            (void)json_array_append(own, row);
    }
    out_table(c, own, columns, "no weight is set; it is 1");
    return EXIT_FINE;
}

/* name NULL: all. */
static int list(struct ctl *c, struct desk *d, const char *name, const char *owner)
{
    static const struct column columns[] = {
        {"name", "LIMIT", CELL_TEXT, 40},        {"owner", "OWNER", CELL_TEXT, 36},
        {"used", "USED", CELL_RIGHT, 0},         {"max", "MAX", CELL_RIGHT, 0},
        {"declared", "DECLARED", CELL_RIGHT, 0}, {"set", "SET", CELL_RIGHT, 0},
        {"unit", "UNIT", CELL_TEXT, 0},          {0}};
    struct err e;
    auto_json *all = limits_list(d, &e);
    if (all == NULL)
        return operate_fail(c, d, &e);
    auto_json *rows = name != NULL ? choose(all, name, owner) : json_incref(all);
    if (name != NULL && json_array_size(rows) == 0)
        return ctl_refuse(c, "no function has a limit %.128s; chronosctl limits shows all", name);
    out_table(c, rows, columns, "no limit is in use or set");
    return EXIT_FINE;
}

/* -1 = as declared. */
static bool read_value(struct ctl *c, bool whole, double *ret)
{
    const char *text = ctl_option(c, "set");
    char *end;
    *ret = -1;
    if (text == NULL)
        return true;
    *ret = strtod(text, &end);
    if (*end == '\0' && end != text && *ret >= 0 && *ret <= MOST &&
        (!whole || *ret == (double)(long)*ret))
        return true;
    (void)ctl_usage(c, "--set %.32s: must be a %snumber from 0 to %d", text, whole ? "whole " : "",
                    (int)MOST);
    return false;
}

static int run(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    const char *name = c->arguments[0], *owner = c->arguments[1];
    bool sets = ctl_option(c, "set") != NULL, clears = ctl_flag(c, "clear");
    double value;
    if (!sets && !clears)
        return name != NULL && strcmp(name, "weight") == 0 ? list_weights(c, &d, owner)
                                                           : list(c, &d, name, owner);
    if (name == NULL)
        return ctl_usage(c, "limit is missing: its name, or budget or weight");
    if (sets && clears)
        return ctl_usage(c, "--set and --clear exclude each other");
    bool budget = strcmp(name, "budget") == 0, weight = strcmp(name, "weight") == 0;
    if ((budget || weight) && owner == NULL)
        return ctl_usage(c, "owner is missing: whose %s", name);
    if (!read_value(c, !budget && !weight, &value))
        return EXIT_USAGE;
    json_t *done = budget   ? budget_set(&d, owner, value, &e)
                   : weight ? weight_set(&d, owner, value, &e)
                            : limit_set(&d, name, owner, (long long)value, &e);
    return operate_done(c, &d, done, &e);
}

const struct command command_limits = {
    .name = "limits",
    .summary = "Shows what holds runs back and how full it is, or sets another maximum",
    .details = "Limits have the names that functions give them: a function's id, creator, global. "
               "budget is what paid steps of an owner\n"
               "may cost in an hour, in US dollars; weight how many turns an owner gets for one of "
               "another's (0.01 to 1000). 0 admits nobody.",
    .arguments =
        {{"limit", TEXT,
          "its name, or budget or weight; without --set and --clear it is shown; left out: all are",
          .optional = true},
         {"owner", TEXT, "whose, where it is counted for each", .optional = true}},
    .options = {{"set", "N", TEXT, "another maximum from now on"},
                {"clear", NULL, FLAG, "back to what the functions declare"}},
    .examples = {{"limits", "all that are in use or set"},
                 {"limits budget 8c0e…", "what one creator may spend in an hour"},
                 {"limits extract-video-transcript 8c0e… --set 40", "for one creator"},
                 {"limits global --set 200", "over everything"},
                 {"limits budget 8c0e… --set 25", "25 dollars an hour"},
                 {"limits budget 8c0e… --clear", "as it is set for all"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
