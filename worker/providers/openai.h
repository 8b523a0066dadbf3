/* openai.h: what speech and embeddings share: OpenAI's interface and the servers that imitate it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "http.h"

enum { BEARER_SIZE = 1024 };

/* "Bearer <key>" into bearer, and whether a header is to be sent at all: local servers have no key. ERR_STOP_PROVIDER
 * for a key that cannot be one. */
bool openai_bearer(const char *key, char bearer[BEARER_SIZE], const char *service, struct err *e);

/* Sets e from an error answer and returns false. ERR_SPLIT when smaller pieces would pass; `service` heads the
 * message. */
bool openai_err(const struct http_response *r, const char *service, struct err *e);

/* The delay in "Please try again in 1h2m3.4s", in ms; 0 when there is none. */
int64_t openai_delay_in_text(const char *message);
