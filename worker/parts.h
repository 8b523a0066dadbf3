/* parts.h: the parts of a recording to one transcript. */
#pragma once

#include "provider.h"
#include "transcribe.h"

/* Sends at most services->transcribe_parallel parts at the same time, each from a thread and a connection of its own (the
 * caller's thread is one of them), and joins the answers in order, each moved by its part's start. The first failure is the
 * outcome: no part is begun after it, those under way are waited for. What was answered is kept in t->heard and not asked for
 * again. `ret` has no duration: that of the recording is the caller's. */
bool parts_transcribe(const struct transcriber *t, const struct audio_part *parts, size_t count,
                      struct transcript *ret, struct err *e) MUST_CHECK;
