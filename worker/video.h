/* video.h: a videos row as the steps see it, and the small rules that several functions share.
 *
 * Everything here takes a connection and an error, not a step's verdict: the caller answers step_error(s). Input
 * that can never work (a missing id, somebody else's video) is ERR_INPUT or ERR_PERMANENT, and the message names the
 * field or the video in words that a support person understands: it ends up in videos.error_message. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "db.h"
#include "err.h"
#include "function.h"
#include "id.h"

enum video_source { SOURCE_YOUTUBE, SOURCE_LOOM, SOURCE_MUX, SOURCE_UPLOAD, SOURCE_COUNT };

/* As in videos.source_type. */
const char *video_source_name(enum video_source source);
bool video_source_parse(const char *name, enum video_source *ret);

/* What an event says about the video it is about; borrowed from the event. */
struct video_ids {
    const char *video;
    const char *creator;
};

/* An id that an event's data must have, as "creatorId"; borrowed. The error says what was sent, and where such ids are. */
const char *event_uuid(const json_t *data, const char *field, struct err *e) MUST_CHECK;

/* Both ids out of an event's data; an error names the field. */
bool video_ids(const json_t *data, struct video_ids *ret, struct err *e) MUST_CHECK;

/* Strings are borrowed from `row`; NULL where the column is. */
struct video {
    const char *id;
    const char *creator_id;
    const char *title;
    const char *status;
    enum video_source source;
    const char *url;
    const char *storage_path;
    const char *youtube_video_id;
    const char *mux_asset_id;
    const char *mux_playback_id;
    const char *embed_type;
    const char *embed_id;
    const char *whop_lesson_id; /* the lesson it was imported from */
    const char *language;       /* of its last transcript; "en" before there was one */
    int duration_seconds;       /* 0 when unknown */
    PGresult *row;
};

/* The video, if it exists, is not deleted and belongs to the creator; else ERR_PERMANENT. */
bool video_find(struct db *db, const struct video_ids *ids, struct video *ret,
                struct err *e) MUST_CHECK;
void video_release(struct video *v); /* accepts {0} */
#define auto_video CLEANUP(video_release) struct video

/* video_find for what the step's event names; the error goes to s->err. */
bool video_of_step(struct step *s, struct video *ret) MUST_CHECK;

/* The source that the event names, if it names one, must be the row's. */
bool video_check_source(const struct video *v, const json_t *data, struct err *e) MUST_CHECK;

/* Where a person can watch it; false when only the platform knows. */
bool video_public_url(const struct video *v, char *out, size_t out_size);

/* Runs a named update of one video; *ret_touched tells whether it applied. */
bool video_update(struct db *db, const char *query, const char *const *params, int nparams,
                  bool *ret_touched, struct err *e) MUST_CHECK;
#define VIDEO_UPDATE(db, e, ret_touched, query, ...)                                               \
    video_update((db), (query), ((const char *const[]){__VA_ARGS__}),                              \
                 (int)ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (ret_touched), (e))

/* Adds to the creator's counters of today (UTC): call it in a .tx step only, since adding twice counts twice. `entry`
 * is appended to the list `list` of the row's metadata; borrowed. */
bool video_add_usage(struct db *db, const char *creator_id, double cost_usd, double minutes,
                     const char *list, const json_t *entry, struct err *e) MUST_CHECK;

/* Appends to video_analytics_events; for .tx steps. */
bool video_log_event(struct db *db, const struct video_ids *ids, const char *type,
                     const json_t *metadata, struct err *e) MUST_CHECK;

/* A thousandth of a dollar is a credit; what costs anything costs one at least. */
long cost_credits(double cost_usd);

/* Length as JavaScript counts it, which is what the dashboards compare with. */
size_t utf16_length(const char *utf8);
