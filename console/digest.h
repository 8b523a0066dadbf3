/* digest.h: SHA-256 and hexadecimal text, for keys and cookies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32 };

void digest(const void *bytes, size_t len, uint8_t out[DIGEST_SIZE]);

/* 2 * n digits and a NUL. */
void to_hex(const uint8_t *bytes, size_t n, char *out);
/* `text` has at least 2 * n characters; false when they are not all hexadecimal digits. */
bool from_hex(const char *text, size_t n, uint8_t *out);
