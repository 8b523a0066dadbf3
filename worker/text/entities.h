/* entities.h: character references in text, by the rules of the three places where they occur here. */
#pragma once

#include <stddef.h>

#include "buf.h"

enum entity_set {
    ENTITIES_HTML, /* all 2,231 names, also those HTML knows without semicolon; numbers */
    ENTITIES_XML,  /* the five names, numbers; the semicolon is required */
    ENTITIES_SRT,  /* the few that subtitle editors write; elsewhere & is meant as itself */
};

/* p points at '&'. Appends what the reference stands for and returns its length, or 0 (and appends nothing) when
 * it is none. */
size_t entity_at(const char *p, size_t len, enum entity_set set, struct buf *out);

/* The whole text, everything that is no reference as it is. */
void entities_decode(const char *p, size_t len, enum entity_set set, struct buf *out);
