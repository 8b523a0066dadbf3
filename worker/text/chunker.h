/* chunker.h: cuts a transcript into overlapping chunks of words for embedding. Pure code.
 *
 * 500 to 1,000 words a chunk including a 100-word overlap with its predecessor, aiming at 750 words of its own,
 * sentence boundaries kept where there are any; text without punctuation is cut at word boundaries within the
 * same limits. A short last piece joins its neighbour where the limit allows. White space is Unicode's. A
 * 9,000-word hour gives 12 chunks. In scripts without spaces between words characters are counted (words.h), so
 * that a chunk's size means the same there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "caption.h"
#include "err.h"

struct chunk {
    char *text;             /* overlap prefix and own words, single spaces */
    double start_seconds;   /* of its own first word (prefix excluded) */
    double end_seconds;     /* of its own last word */
    int word_count;         /* including the prefix */
    int overlap_word_count; /* 0 in the first chunk */
    int sentence_count;     /* own sentences */
};

struct chunks {
    struct chunk *items;
    size_t len;
};

struct chunk_options {
    int min_words;     /* 500 */
    int max_words;     /* 1000, overlap included */
    int target_words;  /* 750 of its own */
    int overlap_words; /* 100 */
};

extern const struct chunk_options chunk_defaults;

/* Times are interpolated within each caption by its words. */
bool chunk_captions(const struct captions *c, const struct chunk_options *o, struct chunks *ret,
                    struct err *e);
/* Plain text without times: every chunk gets 0..0, or a share of duration_seconds by words when it is > 0. */
bool chunk_text(const char *text, double duration_seconds, const struct chunk_options *o,
                struct chunks *ret, struct err *e);
void chunks_release(struct chunks *c);

/* Words by the same rule. */
size_t count_words(const char *text);
