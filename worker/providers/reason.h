/* reason.h: why a video has no transcript, in the words its owner and a support person read.
 *
 * Every sentence that a source of videos (YouTube, Loom, Mux, Whop) can leave in videos.error_message stands in the
 * table in reason.c, and nowhere else: what happened, whose doing it is, what to do about it. Clients name a reason;
 * they write no sentences. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define REASONS(X)                                                                                 \
    /* what somebody entered */                                                                    \
    X(BAD_LINK)                                                                                    \
    X(NO_LINK)                                                                                     \
    X(ID_REFUSED)                                                                                  \
    X(UNSUPPORTED_EMBED)                                                                           \
    /* what the video's owner decided */                                                           \
    X(PRIVATE)                                                                                     \
    X(PASSWORD)                                                                                    \
    X(GONE)                                                                                        \
    X(AGE_RESTRICTED)                                                                              \
    X(MEMBERS_ONLY)                                                                                \
    X(PAID)                                                                                        \
    X(REGION)                                                                                      \
    X(SIGN_IN)                                                                                     \
    X(CONTENT_WARNING)                                                                             \
    X(NOT_IN_APPS)                                                                                 \
    X(NOT_PLAYABLE)                                                                                \
    X(NO_CAPTIONS)                                                                                 \
    X(EMPTY_CAPTIONS)                                                                              \
    X(NO_SOUND)                                                                                    \
    X(NO_RENDITION)                                                                                \
    X(LIVE_STREAM)                                                                                 \
    /* not yet */                                                                                  \
    X(UPCOMING)                                                                                    \
    X(STILL_LIVE)                                                                                  \
    X(TRANSCRIPT_PENDING)                                                                          \
    X(ASSET_PENDING)                                                                               \
    X(RENDITION_PENDING)                                                                           \
    /* what the service does */                                                                    \
    X(CAPTIONS_LOCKED)                                                                             \
    X(TRANSCRIPTION_FAILED)                                                                        \
    X(ASSET_FAILED)                                                                                \
    X(ADDRESS_SUSPECTED)                                                                           \
    X(ADDRESS_LIMITED)                                                                             \
    X(TRY_LATER)                                                                                   \
    X(LINK_EXPIRED)                                                                                \
    X(BUSY)                                                                                        \
    X(DOWN)                                                                                        \
    X(UNREADABLE)                                                                                  \
    X(REFUSED)                                                                                     \
    /* what the operator of this installation has to do */                                         \
    X(CLIENTS_STALE)                                                                               \
    X(INTERFACE_CHANGED)                                                                           \
    X(NO_KEY)                                                                                      \
    X(KEY_REFUSED)                                                                                 \
    X(NO_PERMISSION)                                                                               \
    X(NO_SIGNING_KEY)                                                                              \
    X(BAD_SIGNING_KEY)                                                                             \
    X(PLAYBACK_REFUSED)                                                                            \
    X(PROTECTED)                                                                                   \
    X(ASSET_NOT_FOUND)                                                                             \
    X(NO_PLAYBACK_ID)                                                                              \
    X(LESSON_NOT_FOUND)                                                                            \
    X(LESSON_FORBIDDEN)                                                                            \
    X(LESSON_WITHOUT_VIDEO)                                                                        \
    X(OPERATOR)

enum reason {
#define X(name) REASON_##name,
    REASONS(X)
#undef X
        REASON_COUNT
};

/* Sets class and sentence. `service` is its name as people write it ("YouTube"); `detail` completes the sentences
 * that have room for one, may be NULL, and is made printable and short. Returns false. */
bool reason_set(struct err *e, enum reason r, const char *service, const char *detail);
/* The same with the least delay before the next try. */
bool reason_set_after(struct err *e, enum reason r, const char *service, const char *detail,
                      int64_t retry_after_ms);
/* For functions that return a pointer. */
void *reason_null(struct err *e, enum reason r, const char *service, const char *detail);

/* Turns a technical failure of a request (of http_send, http_status_err or answer_object) into the sentence for its
 * class, with the technical words in parentheses; class and delay stay. What is about this worker and not about the
 * service (stopping, its disk) stays as it is. Returns false. */
bool reason_explain(struct err *e, const char *service);

/* The table, for tests and for a list of all messages. */
const char *reason_name(enum reason r); /* "BAD_LINK" */
const char *reason_text(enum reason r); /* with {service} and {detail} */
enum err_code reason_class(enum reason r);
