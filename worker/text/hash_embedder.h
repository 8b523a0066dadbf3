/* hash_embedder.h: a deterministic embedder for development: hashed word features, 1,536 dimensions, unit length.
 *
 * Texts that share words (case folded, light stemming, words and word pairs, weighted so that common words count
 * little) are near each other, so search gives sensible answers without a key or a network. It is not a language
 * model, and the stored model name says so. */
#pragma once

#include <stddef.h>

enum { EMBED_DIMENSIONS = 1536 };

#define HASH_EMBEDDER_MODEL "chronos-embedded-hash-v1"

/* Writes EMBED_DIMENSIONS floats. Text without words gives a fixed unit vector. */
void hash_embed(const char *text, size_t len, float *out);
