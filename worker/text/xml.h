/* xml.h: the little XML that caption files need: a pull reader over text in memory.
 *
 * No entity is ever expanded into markup, document types are refused, nothing recurses. What is not well-formed is
 * read as far as it makes sense: a '<' that begins nothing is text, a tag that never ends ends the document. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum xml_kind {
    XML_START, /* an element begins: `name`, `attributes`; is_empty for <a/> (no XML_END follows) */
    XML_END,   /* an element ends: `name` */
    XML_TEXT,  /* `body`, references still in it */
    XML_CDATA, /* `body`, as it is */
    XML_EOF,
};

struct xml_slice {
    const char *p;
    size_t len;
};

struct xml {
    const char *p, *end; /* what is still to be read */
    enum xml_kind kind;
    struct xml_slice name, attributes, body; /* of the current item, pointing into the text */
    bool is_empty;
};

/* Goes to the next item; comments and processing instructions are stepped over. False: the document is refused. */
bool xml_next(struct xml *x, struct err *e);
bool xml_is(const struct xml *x, const char *name);
/* The raw value of an attribute of the current XML_START; p is NULL when it has none of that name. */
struct xml_slice xml_attribute(const struct xml *x, const char *name);
