/* transcripts.h: what a client of a service of transcripts promises, whatever the service answers. */
#pragma once

#include <string.h>

#include "fuzz.h"
#include "provider.h"

static inline void check_transcript(struct transcript *t)
{
    require_text(t->text);
    require(t->title == NULL || (require_text(t->title), true));
    require(t->duration_seconds >= 0 && t->duration_seconds < 1e12 && t->cost_usd >= 0);
    require(t->method != NULL && strlen(t->language) < sizeof(t->language));
    for (const char *p = t->language; *p != '\0'; p++)
        require((unsigned char)*p >= ' ' && *p != 0x7F);
    require_text(t->language);
    for (size_t i = 0; i < t->captions.len; i++) {
        const struct caption *it = &t->captions.items[i];
        require(it->start_ms >= 0 && it->end_ms >= it->start_ms);
        require(i == 0 || it[-1].start_ms <= it->start_ms);
        require_text(it->text);
    }
    transcript_release(t);
}

static inline void check_outcome(bool ok, struct transcript *t, const struct err *e)
{
    if (ok)
        check_transcript(t);
    else
        require_error(e, FAILS_AS_ANSWER);
}
