/* disk.h: is there room for a file that is about to be written? */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* Room for so many more bytes on the disk of `fd`, and some to spare for everybody else on it. ERR_UNAVAILABLE when there is not:
 * that is the machine's trouble, and the work waits. True when the disk does not tell. */
bool disk_has_room(int fd, uint64_t bytes, struct err *e) MUST_CHECK;
