/* heard_parts.h: what speech recognition has answered for the parts of a recording, until a transcript of the video is
 * published.
 *
 * A part that was paid for is not paid for again, whatever became of the attempt that did: of the next part, of the worker, of
 * the run. Only a run that has lost the video to a newer one may pay twice: when that one publishes, all parts leave. Parts are
 * told apart by what is sent (the sound, the model, the language asked for), not by their number. */
#pragma once

#include "db.h"
#include "provider.h"

enum { HEARD_KEY_SIZE = 65 };

struct heard {
    struct db *db; /* one thread at a time */
    const char *video_id, *run_id;
    double spent_usd; /* what the run's earlier attempts have accounted for */
};

bool heard_key(const struct services *svc, const char *path, const char *language,
               char key[HEARD_KEY_SIZE], struct err *e) MUST_CHECK;

/* *ret_found false: it was not answered. Of what another run paid for the cost is 0. */
bool heard_find(const struct heard *h, const char *key, bool *ret_found, struct transcript *ret,
                struct err *e) MUST_CHECK;

bool heard_keep(const struct heard *h, const char *key, const struct transcript *part,
                struct err *e) MUST_CHECK;
