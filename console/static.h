/* static.h: the files of console/page, part of the binary. Only what was there at build time can be asked for, by its exact name, or by
 * that name with the release before it (static.c); index.html is served at "/". */
#pragma once

#include "route.h"

/* The route of that file; NULL when there is none. */
const struct route *static_find(const char *path);
