/* reprocess.h: sends videos with a transcript through generate-video-embeddings once more. */
#pragma once

#include "bulk.h"

/* Sends an event for each video of the page that is there, is not deleted, belongs to the creator (NULL = whoever it belongs
 * to) and has a transcript; the others become errors of the page. `reason` (may be NULL) travels with the event. *ret_started
 * (the caller's) is the array of ids for which one was sent. */
bool reprocess_videos(struct step *s, struct bulk_page *page, const char *creator,
                      const char *reason, json_t **ret_started, struct err *e) MUST_CHECK;
