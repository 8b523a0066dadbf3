/* session.h: people who have logged in with a key. The cookie names the key's hash and an end, signed, so nothing is stored; it
 * ends with the key. */
#pragma once

#include "digest.h"
#include "keys.h"
#include "request.h"

enum { SESSION_SECRET_SIZE = DIGEST_SIZE, SESSION_S = 12 * 3600 };

/* The secret that signs, from CHRONOS_CONSOLE_SECRET, or new. */
void session_secret(const char *setting, uint8_t out[SESSION_SECRET_SIZE]);

/* The key of the request's cookie; NULL when there is none that holds. */
const struct key_set *session_find(const struct request *r);

void session_start(struct request *r, const struct key_set *s);
void session_end(struct request *r);
