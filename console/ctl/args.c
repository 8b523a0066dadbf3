#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "console/when.h"

enum { RUN_ID_BYTES = 26, MAX_TEXT_BYTES = 1 << 20, LATE_MS = 60000 };

bool args_time_ms(enum kind kind, const char *text, int64_t now_ms, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    const char *length = kind == LATER && *text == '+' ? text + 1 : text;
    size_t digits = strspn(length, "0123456789");
    if (digits > 0 && digits < 7 && length[digits] != '\0' && length[digits + 1] == '\0') {
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            if (length[digits] == units[i].unit) {
                int64_t ms = strtoll(length, NULL, 10) * units[i].ms;
                *ret_ms = kind == LATER ? now_ms + ms : now_ms - ms;
                return true;
            }
        }
    }
    return when_parse(text, ret_ms);
}

static bool is_choice(const char *text, const char *choices)
{
    size_t len = strlen(text);
    for (const char *p = choices; len > 0 && p != NULL; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == '\0'))
            return true;
    }
    return false;
}

static bool is_run_id(const char *text)
{
    return strlen(text) == RUN_ID_BYTES &&
           strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == RUN_ID_BYTES;
}

static bool is_number(const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && n >= min && n <= max;
}

static void judge_time(enum kind kind, const char *text, char *why, size_t size)
{
    int64_t now_ms = wall_ms(), ms;
    if (!args_time_ms(kind, text, now_ms, &ms))
        (void)snprintf(why, size,
                       "must be a time (2026-01-05T06:00:00Z), milliseconds since 1970, or %s "
                       "(90s, 30m, 2h, 7d)",
                       kind == LATER ? "how long from now" : "an age");
    else if (kind == LATER && ms < now_ms - LATE_MS)
        (void)snprintf(why, size, "is in the past; leave it out for at once");
}

/* What is wrong with the value, as a sentence without its subject; "" when nothing is. */
static void judge(enum kind kind, const char *text, const char *choices, long min, long max,
                  char *why, size_t size)
{
    why[0] = '\0';
    if (kind != FLAG && *text == '\0')
        (void)snprintf(why, size, "must not be empty");
    else if (strlen(text) > MAX_TEXT_BYTES)
        (void)snprintf(why, size, "is longer than %d bytes", MAX_TEXT_BYTES);
    else if (kind == NUMBER && !is_number(text, min, max))
        (void)snprintf(why, size, "must be a whole number from %ld to %ld", min, max);
    else if (kind == TIME || kind == LATER)
        judge_time(kind, text, why, size);
    else if (kind == CHOICE && !is_choice(text, choices))
        (void)snprintf(why, size, "must be one of %s", choices);
    else if (kind == RUN && !is_run_id(text))
        (void)snprintf(
            why, size,
            "must be the id of a run, 26 letters and digits: chronosctl runs lists them");
}

/* ---- options ---- */

static const struct option *find_option(const struct option *list, const char *name, size_t len)
{
    for (; list->name != NULL; list++) {
        if (strlen(list->name) == len && strncmp(list->name, name, len) == 0)
            return list;
    }
    return NULL;
}

static const char *option_name(const void *of, int i)
{
    const struct command *command = of;
    int own = 0;
    while (command->options[own].name != NULL)
        own++;
    if (i < own)
        return command->options[i].name;
    return common_options[i - own].name;
}

static bool unknown_option(struct ctl *c, const char *name, size_t len)
{
    char wrong[64];
    (void)snprintf(wrong, sizeof(wrong), "%.*s", (int)len, name);
    const char *near = nearest_name(wrong, option_name, c->command);
    if (near != NULL)
        (void)ctl_usage(c, "there is no option --%s; did you mean --%s?", wrong, near);
    else
        (void)ctl_usage(c, "there is no option --%s", wrong);
    return false;
}

/* `text` is behind the dashes; *i moves on when the value is the next word. */
static bool read_option(struct ctl *c, const char *text, int argc, char **argv, int *i,
                        bool *ret_help)
{
    size_t len = strcspn(text, "=");
    const struct option *own = find_option(c->command->options, text, len);
    const struct option *option = own != NULL ? own : find_option(common_options, text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    char why[256];
    if (option == NULL)
        return unknown_option(c, text, len);
    if (option->kind == FLAG && value != NULL)
        return ctl_usage(c, "--%s takes no value", option->name) == EXIT_FINE;
    if (option->kind != FLAG && value == NULL) {
        if (*i + 1 >= argc)
            return ctl_usage(c, "--%s needs a value: --%s %s", option->name, option->name,
                             option->value) == EXIT_FINE;
        value = argv[++*i];
    }
    if (option->kind == FLAG)
        value = "";
    judge(option->kind, value, option->choices, option->min, option->max, why, sizeof(why));
    if (*why != '\0')
        return ctl_usage(c, "--%s %.64s: %s", option->name, value, why) == EXIT_FINE;
    if (own != NULL)
        c->options[own - c->command->options] = value;
    else if (strcmp(option->name, "json") == 0)
        c->json = true;
    else
        *ret_help = true;
    return true;
}

/* ---- arguments ---- */

static bool take_argument(struct ctl *c, const char *text, int *n)
{
    const struct argument *a = &c->command->arguments[*n];
    char why[256];
    if (a->name == NULL) {
        if (*n == 0)
            return ctl_usage(c, "'%.64s': the command takes no argument", text) == EXIT_FINE;
        return ctl_usage(c, "'%.64s' is one argument too many", text) == EXIT_FINE;
    }
    judge(a->kind, text, a->choices, a->min, a->max, why, sizeof(why));
    if (*why != '\0')
        return ctl_usage(c, "%s '%.64s': %s", a->name, text, why) == EXIT_FINE;
    c->arguments[(*n)++] = text;
    return true;
}

static bool check_missing(struct ctl *c, int n)
{
    const struct argument *a = &c->command->arguments[n];
    if (a->name == NULL || a->optional)
        return true;
    return ctl_usage(c, "%s is missing: %s", a->name, a->help) == EXIT_FINE;
}

bool args_read(struct ctl *c, int argc, char **argv, bool *ret_help)
{
    int n = 0;
    bool only_arguments = false;
    *ret_help = false;
    /* first, so that a complaint about any other is told in the form that was asked for */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        c->json = c->json || strcmp(argv[i], "--json") == 0;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        if (only_arguments || text[0] != '-' || text[1] == '\0') {
            if (!take_argument(c, text, &n))
                return false;
        } else if (strcmp(text, "--") == 0) {
            only_arguments = true;
        } else if (strcmp(text, "-h") == 0) {
            *ret_help = true;
        } else if (text[1] != '-') {
            return ctl_usage(c, "there is no option %.16s; options have two dashes", text) ==
                   EXIT_FINE;
        } else if (!read_option(c, text + 2, argc, argv, &i, ret_help)) {
            return false;
        }
    }
    return *ret_help || check_missing(c, n);
}
