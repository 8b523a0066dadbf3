/* words.h: what a word is, where a sentence ends; for the chunker.
 *
 * Words are what white space separates, with two exceptions that keep the number of words a measure of how much text
 * there is. Scripts that put no space between words are cut by characters: every Chinese or Japanese one is a word,
 * four of the scripts of South-East Asia. And nothing is longer than 64 characters, so that no garbage makes a chunk
 * that an embedding model refuses. Such pieces are `glued`: no space comes before them when words are joined again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A sentence ends with . ! ? or a stop of another script, quotes and brackets after it allowed, abbreviations excepted,
 * and white space behind it, which only the full-width stops of East Asia need not have. */
struct word {
    const char *p; /* borrowed from the text */
    uint32_t len;
    bool is_glued; /* follows the word before it without white space */
    bool ends_sentence;
};

/* `init` with the text and its end, and {0} for the rest. Total on any bytes. */
struct word_scan {
    const char *p, *end;
    bool after_word; /* no white space was seen since the last word */
};

bool word_next(struct word_scan *s, struct word *ret);
