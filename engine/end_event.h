/* end_event.h: the data of the event that tells handlers of a run's end. A failure's names the event that the run began with
 * twice, alone and among all that the run collected. */
#pragma once

#include <jansson.h>

/* Postgres must be able to hold it, whatever it consists of: as jsonb a value takes up to six times the room of its text, and 256 MB
 * are the most. */
enum { END_EVENT_MAX_BYTES = 32 << 20 };

/* As text, which the caller frees. When that would be too large the last of `events` are left out, and `events_left_out` says
 * how many; `event` stays, since it is no larger than another event that was recorded. */
char *end_event_text(json_t *data);
