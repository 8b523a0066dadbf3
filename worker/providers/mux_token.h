/* mux_token.h: the proof that a signed Mux playback id may be played. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "services.h"

enum { MUX_TOKEN_SIZE = 2048, MUX_TOKEN_LIFE_SECONDS = 600 };

/* True when both MUX_SIGNING_KEY and MUX_PRIVATE_KEY are set. */
bool mux_can_sign(const struct services *svc);

/* A JWT (RS256) for playing `playback_id` from now_seconds (since 1970) on for MUX_TOKEN_LIFE_SECONDS, into out. The
 * private key is a PEM, in base64 as Mux shows it, or as it is. ERR_STOP_PROVIDER when it is no RSA key; the key
 * itself is in no message. */
bool mux_token(const struct services *svc, const char *playback_id, int64_t now_seconds, char *out,
               size_t out_size, struct err *e);
