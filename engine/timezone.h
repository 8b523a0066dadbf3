/* timezone.h: what the clocks of a place show, from the files of tzdata.
 *
 * The C library knows one zone per process and changes it by the environment, so a program that needs several at once
 * reads the files (TZif, RFC 9636) itself. A zone is immutable once made: any thread may use it. No call here looks at
 * TZ or changes anything outside its arguments.
 *
 * All times are whole seconds since 1970 in UTC; an offset is what is added to get local time. Called `zone` because
 * libc owns the names `struct timezone` and `timezone`. A NULL zone is UTC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "err.h"

struct zone;

#define ZONE_DIR "/usr/share/zoneinfo"

/* No offset in a zone is outside these, by the format's definition. */
enum { ZONE_OFFSET_MIN = -25 * 3600 + 1, ZONE_OFFSET_MAX = 26 * 3600 - 1, ZONE_NAME_MAX = 64 };

/* Reads the zone called e.g. "Europe/Paris" from `dir` (NULL = ZONE_DIR); "UTC" needs no file. NULL: ERR_INPUT when
 * there is no such zone, the name cannot be one (it never leads out of `dir`) or the file is damaged; ERR_RETRY when it
 * could not be read. The message names the zone. */
struct zone *zone_load(const char *name, const char *dir, struct err *e) MUST_CHECK;

/* The same from the bytes of a file. Any bytes: what is not a sound file is ERR_INPUT. */
struct zone *zone_parse(const void *bytes, size_t n, struct err *e) MUST_CHECK;

void zone_free(struct zone *z); /* accepts NULL */

/* A stretch of time without a change of the clocks: from <= t < until. It begins at INT64_MIN and ends at INT64_MAX
 * where nothing is known to change. Neighbours may have the same offset. */
struct zone_span {
    int64_t from, until;
    int32_t offset;
};

/* The stretch around `utc`, which is less than 2^55 on either side of zero. */
struct zone_span zone_span_at(const struct zone *z, int64_t utc);

int32_t zone_offset(const struct zone *z, int64_t utc);
