/* csv.h: rows of comma-separated values by RFC 4180, for people who open them in a spreadsheet. */
#pragma once

#include <stdbool.h>

#include "buf.h"

/* Adds a field: NULL is empty. It is quoted where the format asks for it, or always. What a spreadsheet would take for a
 * formula (= + - @, a tab or a line break in front, also behind spaces and in their wide forms) gets an apostrophe in
 * front, which makes it text. False when the buffer is full. */
bool csv_add(struct buf *b, const char *value, bool always_quote);

/* A field after another one, and the end of a row. */
bool csv_next(struct buf *b);
bool csv_end_row(struct buf *b);
