/* whop.h: where the video of a Whop lesson really is.
 *
 * A lesson embeds a YouTube or Loom video, or has a file in Whop's own Mux account. Our Mux token knows nothing of
 * that account, so such a file is reached through the stream host alone, with the token that comes with the lesson and
 * lives for a short time: ask for the lesson anew in each attempt. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "provider.h"

enum lesson_kind { LESSON_YOUTUBE, LESSON_LOOM, LESSON_MUX };

struct lesson {
    enum lesson_kind kind;
    char *id;    /* of the embedded video, or the playback id */
    char *token; /* for a signed playback id; "" else */
    char *title; /* may be NULL */
    double duration_seconds;
};

void lesson_release(struct lesson *l); /* accepts {0} */

/* `lesson_id` is lesn_…. ERR_NOT_READY while its video is uploaded, ERR_PERMANENT when it has none. */
bool whop_lesson(struct http *h, const struct services *svc, const char *lesson_id,
                 struct lesson *ret, struct err *e);

/* The captions of a LESSON_MUX, from its playlist. ERR_NEXT_SOURCE when there are none. */
bool whop_transcript(struct http *h, const struct services *svc, const struct lesson *l,
                     const char *language, struct transcript *ret, struct err *e);

/* The files that may hold its sound, in the order in which to try them; false after the last. `out` has out_size. */
bool whop_media_url(const struct services *svc, const struct lesson *l, size_t n, char *out,
                    size_t out_size);
