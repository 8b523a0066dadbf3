/* rows.h: the rows of the table, in the order in which people see them. */
#pragma once

#include "command.h"

#define ROWS(X)                                                                                    \
    X(doctor)                                                                                      \
    X(verify)                                                                                      \
    X(send)                                                                                        \
    X(video)                                                                                       \
    X(rebuild)                                                                                     \
    X(migrate)                                                                                     \
    X(completion)                                                                                  \
    X(man)

#define ROW(name) extern const struct command command_##name;
ROWS(ROW)
#undef ROW
