/* workdir.h: a folder of one step's own for large files. Below CHRONOS_WORK_DIR, and locked as long as it is in use: the
 * kernel lets go of the lock however the process ends, so what a killed worker left can be told from what a living one
 * uses, also one in another container on the same disk. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "compiler.h"
#include "err.h"

struct workdir {
    char path[PATH_MAX];
    int lock; /* -1 = not open */
};

/* ERR_UNAVAILABLE: a full or read-only disk is the worker's trouble, not the video's. */
bool workdir_open(struct workdir *w, const char *base, struct err *e) MUST_CHECK;
/* Removes the folder with its files; a folder inside would stay. */
void workdir_release(struct workdir *w);

/* Removes the folders below `base` that nobody uses any more. Returns how many. */
int workdir_sweep(const char *base);
