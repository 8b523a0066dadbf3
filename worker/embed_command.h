/* embed_command.h: `chronos-worker --embed TEXT`. */
#pragma once

#include "conf.h"

/* Prints the vector of a text as Postgres takes it, made by the same embedder as those of the chunks. Returns the exit status; what
 * went wrong is told on standard error. */
int embed_command(const struct conf *c, const char *text);
