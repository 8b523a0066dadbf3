#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "daemon.h"
#include "help.h"

/* Text in the language of man(7): a line that begins with . or ' would be an order, and - a hyphen. */
static void print_text(FILE *out, const char *text)
{
    bool at_start = true;
    for (; *text != '\0'; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            (void)fputs("\\&", out);
        if (*text == '\\')
            (void)fputs("\\e", out);
        else if (*text == '-')
            (void)fputs("\\-", out);
        else if (*text == '\n' && text[1] == '\n') {
            (void)fputs("\n.PP\n", out);
            text++;
        } else
            (void)fputc(*text, out);
        at_start = *text == '\n';
    }
}

static void print_head(FILE *out, const char *name, const char *summary)
{
    char upper[40];
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < sizeof(upper); i++)
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    upper[i] = '\0';
    (void)fprintf(out, ".TH %s 1 \"\" \"Chronos engine\" \"Chronos engine\"\n.SH NAME\n", upper);
    print_text(out, name);
    (void)fputs(" \\- ", out);
    print_text(out, summary);
    (void)fputs("\n", out);
}

static void print_entry(FILE *out, const char *head, const char *value, const char *text,
                        const char *more)
{
    (void)fputs(".TP\n\\fB", out);
    print_text(out, head);
    (void)fputs("\\fR", out);
    if (value != NULL) {
        (void)fputs(" \\fI", out);
        print_text(out, value);
        (void)fputs("\\fR", out);
    }
    (void)fputc('\n', out);
    print_text(out, text);
    if (more != NULL) {
        (void)fputs(" (", out);
        print_text(out, more);
        (void)fputc(')', out);
    }
    (void)fputc('\n', out);
}

static void print_option(FILE *out, const struct option *o)
{
    char name[64], range[64];
    (void)snprintf(name, sizeof(name), "--%s", o->name);
    (void)snprintf(range, sizeof(range), "%ld to %ld", o->min, o->max);
    print_entry(out, name, o->value, o->help, o->kind == NUMBER ? range : o->choices);
}

static void print_command(FILE *out, const struct command *c)
{
    (void)fprintf(out, ".SS ");
    print_text(out, c->name);
    (void)fputs("\n.B chronosctl\n\\fB", out);
    print_text(out, c->name);
    (void)fputs("\\fR", out);
    for (const struct argument *a = c->arguments; a->name != NULL; a++) {
        (void)fputs(a->optional ? " [\\fI" : " \\fI", out);
        print_text(out, a->name);
        (void)fputs(a->optional ? "\\fR]" : "\\fR", out);
    }
    (void)fputs("\n.PP\n", out);
    print_text(out, c->summary);
    (void)fputs(".\n", out);
    if (c->details != NULL) {
        (void)fputs(".PP\n", out);
        print_text(out, c->details);
        (void)fputc('\n', out);
    }
    for (const struct argument *a = c->arguments; a->name != NULL; a++)
        print_entry(out, a->name, NULL, a->help, a->choices);
    for (const struct option *o = c->options; o->name != NULL; o++)
        print_option(out, o);
    for (const struct example *x = c->examples; x->line != NULL; x++) {
        (void)fputs(".PP\n.RS\n.nf\nchronosctl ", out);
        print_text(out, x->line);
        (void)fputs("\n.fi\n.RE\n", out);
        print_text(out, x->does);
        (void)fputc('\n', out);
    }
}

static void print_settings(FILE *out, enum conf_daemon which)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL)
        return;
    conf_help(memory, which);
    (void)fclose(memory);
    (void)fputs(".SH ENVIRONMENT\n.nf\n", out);
    print_text(out, text);
    (void)fputs(".fi\n", out);
    free(text);
}

void help_man(FILE *out)
{
    print_head(out, "chronosctl", "the Chronos engine from a shell");
    (void)fputs(".SH SYNOPSIS\n.B chronosctl\n\\fIcommand\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]"
                "\n.SH DESCRIPTION\n",
                out);
    print_text(out, "Looks into the engine and steers it, speaking to Redis and Postgres directly "
                    "with the settings that the daemons read. No daemon has to run, but what is "
                    "ordered is carried out by a scheduler.");
    (void)fputs("\n.SH OPTIONS\n", out);
    for (const struct option *o = common_options; o->name != NULL; o++)
        print_option(out, o);
    (void)fputs(".SH COMMANDS\n", out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        print_command(out, c);
    (void)fputs(".SH EXIT STATUS\n", out);
    for (const struct exit_code *x = exit_codes; x->means != NULL; x++) {
        char code[8];
        (void)snprintf(code, sizeof(code), "%d", x->code);
        print_entry(out, code, NULL, x->means, NULL);
    }
    print_settings(out, CONF_SCHEDULER);
    (void)fputs(".SH SEE ALSO\n.BR chronos\\-worker (1),\n.BR chronos\\-scheduler (1),\n"
                ".BR chronos\\-console (1)\n",
                out);
}

static const struct daemon_page {
    const char *name, *program, *summary, *text;
    enum conf_daemon settings;
} pages[] = {
    {"worker", "chronos-worker", "executes the steps of background functions",
     "Claims as many runs as it has free threads, executes their steps, and commits what came of "
     "them. Any number of workers may run. SIGTERM drains it: running steps get CHRONOS_DRAIN_MS, "
     "the rest is given back without using an attempt. --help lists the settings, --version tells "
     "the version.",
     CONF_WORKER},
    {"scheduler", "chronos-scheduler", "routes events to runs, fires timers, archives history",
     "Routes events to runs, fires timers and schedules, hands on the work of dead workers, "
     "carries "
     "out the orders of operators, archives history in Postgres and keeps its schema up to date. "
     "Any number of schedulers may run. --explain RUN tells where a run is and what it waits for.",
     CONF_SCHEDULER},
    {"console", "chronos-console", "takes events and shows runs over HTTP",
     "Takes events as the official inngest SDK sends them, and shows and steers runs. Any number "
     "of "
     "consoles may run. --new-key event|read|admin NAME makes a key, --routes lists what it "
     "answers "
     "to.",
     CONF_CONSOLE},
};

bool help_man_daemon(FILE *out, const char *daemon)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const struct daemon_page *p = &pages[i];
        if (strcmp(p->name, daemon) != 0)
            continue;
        print_head(out, p->program, p->summary);
        (void)fputs(".SH SYNOPSIS\n.B ", out);
        print_text(out, p->program);
        (void)fputs("\n.SH DESCRIPTION\n", out);
        print_text(out, p->text);
        (void)fputs("\n.PP\n", out);
        print_text(out, "Everything else is set by the environment. A bad value stops the start "
                        "with its name, the value and the bounds.");
        (void)fputs("\n.SH EXIT STATUS\n", out);
        print_entry(out, "0", NULL, "it was asked to stop and has stopped", NULL);
        print_entry(out, "1", NULL, "it cannot work with the stores that it found", NULL);
        print_entry(out, "2", NULL, "an argument or a setting is wrong", NULL);
        print_settings(out, p->settings);
        (void)fputs(".SH SEE ALSO\n.BR chronosctl (1)\n", out);
        return true;
    }
    return false;
}
