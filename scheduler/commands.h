/* commands.h: the thread that carries out what operators order once (chronos.commands): runs are cancelled. One scheduler at a
 * time does it, in the order of the commands; each keeps its result. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

struct watcher_thread;

struct watcher_thread *commands_start(const struct conf *c, const atomic_bool *stopping,
                                      struct err *e);
void commands_stop(struct watcher_thread *t); /* after the stop flag was set */
