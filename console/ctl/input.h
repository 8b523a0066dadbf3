/* input.h: text that is given on the command line or, as -, on standard input. */
#pragma once

#include <stddef.h>

#include "err.h"

/* The caller frees. ERR_INPUT when standard input cannot be read or has more than 64 MiB. */
char *input_text(const char *given, size_t *ret_len, struct err *e);
