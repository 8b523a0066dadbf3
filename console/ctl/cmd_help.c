/* cmd_help.c: what packages and shells are made of. */
#include <stdio.h>

#include "ctl.h"
#include "help.h"
#include "rows.h"

static int run_completion(struct ctl *c)
{
    return help_completion(stdout, c->arguments[0]) ? EXIT_FINE : EXIT_BROKEN;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "Writes what a shell needs to complete chronosctl's commands and options",
    .details = "Ids of functions are completed by asking the engine.",
    .arguments = {{"shell", CHOICE, "which shell", .choices = "bash|zsh"}},
    .examples = {{"completion bash > /etc/bash_completion.d/chronosctl",
                  "for everybody on this machine"},
                 {"completion zsh > \"${fpath[1]}/_chronosctl\"", "for zsh"}},
    .run = run_completion,
};

static int run_man(struct ctl *c)
{
    const char *page = c->arguments[0];
    if (page == NULL) {
        help_man(stdout);
        return EXIT_FINE;
    }
    return help_man_daemon(stdout, page) ? EXIT_FINE : EXIT_BROKEN;
}

const struct command command_man = {
    .name = "man",
    .summary = "Writes a page of the manual: chronosctl(1), or that of a daemon",
    .arguments = {{"daemon", CHOICE, "whose page; left out: chronosctl's own",
                   .choices = "worker|scheduler|console", .optional = true}},
    .examples = {{"man | man -l -", "reads it"},
                 {"man worker > /usr/local/share/man/man1/chronos-worker.1", "installs a page"}},
    .run = run_man,
};
