/* mux_stream.h: files on Mux's stream host, for our own assets and for those of Whop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "caption.h"
#include "err.h"
#include "http.h"
#include "services.h"

enum { MUX_URL_SIZE = 4096 };

/* What may be played: the id, and the proof for a signed one ("" for a public one). */
struct mux_playback {
    const char *id;
    const char *token;
};

/* base/<id><folder><file><suffix>[?token=…] into out (MUX_URL_SIZE). */
bool mux_stream_url(const struct services *svc, const struct mux_playback *p, const char *folder,
                    const char *file, const char *suffix, char *out, struct err *e);

/* GET of a caption file or a playlist; only hosts of Mux, or the configured base. Any status is a success, as with
 * http_send. `service` heads the messages. */
bool mux_stream_get(struct http *h, const char *url, const char *service, struct http_response *ret,
                    struct err *e);

/* What an error answer of the stream host means. Returns false. */
bool mux_stream_err(const struct http_response *r, const char *service, struct err *e);
