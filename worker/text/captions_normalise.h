/* captions_normalise.h: the bytes of a caption file as text that parsers can rely on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* Valid UTF-8 without NUL: what is broken becomes U+FFFD. */
void text_put_valid(struct buf *b, const char *p, size_t len);

/* The same for a whole file: also removes one byte order mark and makes every line end a LF. Files that are not UTF-8
 * are read as windows-1252 when `may_be_latin`. The result is never without a terminating NUL. */
void text_put_file(struct buf *b, const char *p, size_t len, bool may_be_latin);
