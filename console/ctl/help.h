/* help.h: the table as text: --help, the manual's pages, what shells need to complete. */
#pragma once

#include <stdio.h>

#include "command.h"

void help_all(FILE *out);
void help_command(FILE *out, const struct command *command);

/* chronosctl(1) in the language of man(7). */
void help_man(FILE *out);
/* The page of a daemon: worker, scheduler or console. false: there is no such daemon. */
bool help_man_daemon(FILE *out, const char *daemon);

bool help_completion(FILE *out, const char *shell); /* bash or zsh */
