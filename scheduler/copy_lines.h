/* copy_lines.h: COPY that one bad line cannot stop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "db.h"
#include "err.h"

/* Writes lines with the named :copy query, each attempt in its own transaction. What Postgres refuses because of its data
 * is halved until the line is found; that line is left out: it is there already, or it cannot be stored and goes to
 * chronos.refused_rows (refused.h). Fails only when Postgres is away. */
bool copy_lines(struct db *db, const char *query, const char *lines, size_t len, struct err *e);
