/* args.h: reads the command line by the command's row. */
#pragma once

#include "ctl.h"

/* Fills c->arguments, c->options and c->json; *ret_help: --help was among them. false: said on standard error. */
bool args_read(struct ctl *c, int argc, char **argv, bool *ret_help);

/* "30m", "2h", "7d", "90s" before now (LATER: after it), a time, or milliseconds since 1970. */
bool args_time_ms(enum kind kind, const char *text, int64_t now_ms, int64_t *ret_ms);
