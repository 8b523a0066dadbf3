/* cmd_limits.c: what holds runs back, and other maxima for it. */
#include "console/limiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { MOST = 1000000 };

static int list(struct ctl *c, struct desk *d)
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
    if (c->json)
        out_json(all);
    else
        out_table(c, all, columns, "no limit is in use or set");
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
    if (name == NULL && !sets && !clears)
        return list(c, &d);
    if (name == NULL)
        return ctl_usage(c, "limit is missing: its name, or budget or weight");
    if (sets == clears)
        return ctl_usage(c, sets ? "--set and --clear exclude each other"
                                 : "say --set N or --clear; chronosctl limits shows all");
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
    .arguments = {{"limit", TEXT, "its name, or budget or weight; left out: shows all",
                   .optional = true},
                  {"owner", TEXT, "whose, where it is counted for each", .optional = true}},
    .options = {{"set", "N", TEXT, "another maximum from now on"},
                {"clear", NULL, FLAG, "back to what the functions declare"}},
    .examples = {{"limits", "all that are in use or set"},
                 {"limits extract-video-transcript 8c0e… --set 40", "for one creator"},
                 {"limits global --set 200", "over everything"},
                 {"limits budget 8c0e… --set 25", "25 dollars an hour"},
                 {"limits budget 8c0e… --clear", "as it is set for all"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
