/* transcribe.h: from a video to its transcript, whatever it takes.
 *
 * Captions that exist are taken from the platform; where there are none but sound can be had (a Mux rendition, an
 * uploaded file), speech recognition does it. There is no fallback from one platform to another. Nothing is written
 * but temporary files below services->work_dir, which are gone when a call returns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heard_parts.h"
#include "http.h"
#include "provider.h"
#include "services.h"
#include "video.h"

struct transcriber {
    struct http *http;
    const struct services *services;
    const char *language;      /* preferred, NULL = any */
    const struct heard *heard; /* what was answered before; NULL = nothing is kept */
    bool (*is_cancelled)(void *arg);
    void *arg;
};

/* By the row's source. An answer has text: silence is ERR_PERMANENT. `ret` goes to transcript_release.
 * *ret_took_ms is how long it took. */
bool transcribe_video(const struct transcriber *t, const struct video *v, struct transcript *ret,
                      int64_t *ret_took_ms, struct err *e) MUST_CHECK;

/* The language preferred by an event: NULL when it names none; false when it is no language code. */
bool transcribe_language(const json_t *data, const char **ret, struct err *e) MUST_CHECK;
