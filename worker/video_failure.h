/* video_failure.h: the two steps of every handler of a failed video function. Both are for .tx rows.
 *
 * An event without usable ids, a video that does not exist and a video of another creator are nothing to mark and no
 * reason to fail: whatever made the run fail is in its own history. */
#pragma once

#include "function.h"

/* "update-status-failed": status and message on the video, unless it is complete or another run's by now (see fail_video
 * in sql/queries/video.sql). `label` heads the message. */
json_t *video_failure_mark(struct step *s, const char *label);

/* "log-failure-event", the last row: an analytics event of the kind that did not come about, with `failed: true`, since
 * the event types have none for failures; whoever counts events leaves those out. What the run had cost goes to the creator's
 * usage. */
json_t *video_failure_log(struct step *s, const char *event_type);
