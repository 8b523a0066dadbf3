/* language.h: language codes, and which of several caption tracks to take. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* "english" -> "en", as speech recognition names languages; codes pass through; NULL when unknown. `out` has room
 * for out_size. */
bool language_code(const char *name, char *out, size_t out_size);

/* The primary subtag as ISO 639-1, for services that know no regions: "en-GB" -> "en", "iw" -> "he". false when
 * there is none of two or three letters. */
bool language_primary(const char *code, char *out, size_t out_size);

struct track {
    const char *language; /* BCP 47; "" when unknown */
    bool automatic;       /* made by a machine */
    bool forced;          /* on-screen text only: the last resort */
    bool is_default;
    int tie; /* lower wins among equals, then the first listed */
};

/* Index of the best track, n when there is none. For the preferred language (may be NULL or ""), then English:
 * by people and exact, by people in the same language, automatic and exact, automatic in the same language. Then
 * the default by people, any by people, any automatic, forced. */
size_t track_choose(const struct track *tracks, size_t n, const char *preferred);
