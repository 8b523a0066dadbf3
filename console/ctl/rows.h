/* rows.h: the rows of the table, in the order in which people see them. */
#pragma once

#include "command.h"

#define ROWS(X)                                                                                    \
    X(doctor)                                                                                      \
    X(verify)                                                                                      \
    X(send)                                                                                        \
    X(events)                                                                                      \
    X(rejected)                                                                                    \
    X(runs)                                                                                        \
    X(run)                                                                                         \
    X(retry)                                                                                       \
    X(replay)                                                                                      \
    X(cancel)                                                                                      \
    X(functions)                                                                                   \
    X(trigger)                                                                                     \
    X(pause)                                                                                       \
    X(drain)                                                                                       \
    X(resume)                                                                                      \
    X(retire)                                                                                      \
    X(limits)                                                                                      \
    X(workers)                                                                                     \
    X(video)                                                                                       \
    X(forget)                                                                                      \
    X(top)                                                                                         \
    X(rebuild)                                                                                     \
    X(migrate)                                                                                     \
    X(completion)                                                                                  \
    X(man)

#define ROW(name) extern const struct command command_##name;
ROWS(ROW)
#undef ROW
