/* provider.h: what every client of an outside service gives back.
 *
 * A client makes as many requests as its service needs for one answer, never retries (the engine parks the run)
 * and ends each call well or in exactly one of the seven classes of provider failure that err.h explains. Messages
 * are for people: "youtube: the video is private". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "caption.h"
#include "err.h"
#include "http.h"
#include "services.h"

struct transcript {
    struct captions captions;
    char *text;              /* joined plain text */
    char *title;             /* as the service knows it; NULL when unknown */
    double duration_seconds; /* 0 when unknown */
    char language[16];       /* BCP 47; "" when unknown */
    const char *method;      /* constant: youtube_api, loom_api, mux_auto, whisper */
    double cost_usd;
    double
        due_usd; /* of it, what no attempt of the run has accounted for yet: all, but for parts heard before */
};

void transcript_release(struct transcript *t);

/* youtube.c. `video` is an 11-character id or any URL form; `language` the preferred one, may be NULL. */
bool youtube_transcript(struct http *h, const struct services *svc, const char *video,
                        const char *language, struct transcript *ret, struct err *e);
/* The 11-character id in any accepted form; ret_id has room for 12. */
bool youtube_video_id(const char *input, char *ret_id);

/* loom.c. `video` is a 32-hex id or a share/embed URL. */
bool loom_transcript(struct http *h, const struct services *svc, const char *video,
                     struct transcript *ret, struct err *e);
bool loom_video_id(const char *input, char *ret_id /* 33 */);

/* mux.c. `asset_id` may be NULL: it is then found from the playback id. When the asset has no captions but audio:
 * ERR_NEXT_SOURCE, and mux_audio_url gives what to send to speech recognition. */
bool mux_transcript(struct http *h, const struct services *svc, const char *playback_id,
                    const char *asset_id, const char *language, struct transcript *ret,
                    struct err *e);
/* URL of a ready static rendition with sound; out has room for out_size. */
bool mux_audio_url(struct http *h, const struct services *svc, const char *playback_id,
                   const char *asset_id, char *out, size_t out_size, struct err *e);

/* fetch.c: any URL handed over by a provider, into a file, with the checks of http.h. */
bool fetch_url(struct http *h, const char *url, int fd, size_t max_bytes, struct err *e);

/* whisper.c: one audio file (below 25 MB) to text with segments. `filename` carries the extension. */
bool whisper_transcribe(struct http *h, const struct services *svc, const char *path,
                        const char *filename, const char *language, struct transcript *ret,
                        struct err *e);

/* audio.c: ffprobe/ffmpeg as subprocesses: checks there is sound, measures the duration, cuts to 16 kHz mono parts
 * below the service's limit. Part files are dir/part000.ogg …; offsets are seconds. */
struct audio_part {
    char path[512];
    double start_seconds;
    double duration_seconds;
};
bool audio_split(const struct services *svc, const char *input_path, const char *dir,
                 struct audio_part *parts, size_t max_parts, size_t *ret_count,
                 double *ret_duration_seconds, bool (*is_cancelled)(void *arg), void *arg,
                 struct err *e);

/* embeddings.c: vectors for n texts into out (n * EMBED_DIMENSIONS floats) in order. Uses the embedded embedder when
 * svc->embedder says so. *ret_model is constant or copied into model. */
bool embed_texts(struct http *h, const struct services *svc, const char *const *texts, size_t n,
                 float *out, long *ret_tokens, double *ret_cost_usd, char *ret_model,
                 size_t model_size, struct err *e);
