#include "help.h"

#include <string.h>

#include "conf.h"
#include "ctl.h"

static void print_usage(FILE *out, const struct command *command)
{
    (void)fprintf(out, "chronosctl %s", command->name);
    for (const struct argument *a = command->arguments; a->name != NULL; a++)
        (void)fprintf(out, a->optional ? " [%s]" : " <%s>", a->name);
    (void)fprintf(out, " [options]\n");
}

static void print_option(FILE *out, const struct option *o)
{
    char left[64];
    (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value != NULL ? " " : "",
                   o->value != NULL ? o->value : "");
    (void)fprintf(out, "  %-26s %s", left, o->help);
    if (o->kind == NUMBER)
        (void)fprintf(out, " (%ld to %ld)", o->min, o->max);
    else if (o->kind == CHOICE)
        (void)fprintf(out, " (%s)", o->choices);
    (void)fputc('\n', out);
}

static void print_exit_codes(FILE *out)
{
    (void)fprintf(out, "\nExit codes:\n");
    for (const struct exit_code *x = exit_codes; x->means != NULL; x++)
        (void)fprintf(out, "  %d  %s\n", x->code, x->means);
}

void help_command(FILE *out, const struct command *command)
{
    (void)fprintf(out, "%s.\n\nUsage: ", command->summary);
    print_usage(out, command);
    if (command->details != NULL)
        (void)fprintf(out, "\n%s\n", command->details);
    if (command->arguments[0].name != NULL)
        (void)fprintf(out, "\nArguments:\n");
    for (const struct argument *a = command->arguments; a->name != NULL; a++)
        (void)fprintf(out, "  %-26s %s%s%s%s\n", a->name, a->help, a->choices != NULL ? " (" : "",
                      a->choices != NULL ? a->choices : "", a->choices != NULL ? ")" : "");
    (void)fprintf(out, "\nOptions:\n");
    for (const struct option *o = command->options; o->name != NULL; o++)
        print_option(out, o);
    for (const struct option *o = common_options; o->name != NULL; o++)
        print_option(out, o);
    (void)fprintf(out, "\nExamples:\n");
    for (const struct example *x = command->examples; x->line != NULL; x++)
        (void)fprintf(out, "  chronosctl %s\n      %s\n", x->line, x->does);
    print_exit_codes(out);
}

void help_all(FILE *out)
{
    (void)fprintf(out, "chronosctl: the engine from a shell.\n\n"
                       "Usage: chronosctl <command> [arguments] [options]\n"
                       "       chronosctl <command> --help\n\nCommands:\n");
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        (void)fprintf(out, "  %-12s %s\n", c->name, c->summary);
    (void)fprintf(out, "\nOptions of every command:\n");
    for (const struct option *o = common_options; o->name != NULL; o++)
        print_option(out, o);
    print_exit_codes(out);
    (void)fprintf(out, "\nIt reads the settings that the daemons read:\n\n");
    conf_help(out, CONF_SCHEDULER);
}
