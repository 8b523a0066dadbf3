/* js_where.c: where in a document a byte stands, as people write it: "[3].data.title". */
#include <stdio.h>
#include <string.h>

#include "js.h"

enum { MOST_LEVELS = 16, MOST_KEY_BYTES = 40 };

struct level {
    bool is_object, expects_key;
    size_t index;
    const char *key; /* as it is written; NULL = none yet */
    size_t key_len;
};

size_t js_text_end(const char *bytes, size_t begin, size_t end)
{
    size_t i = begin + 1;
    while (i < end && bytes[i] != '"')
        i += bytes[i] == '\\' ? 2 : 1;
    return i < end ? i : end;
}

static bool is_plain(const struct level *l)
{
    if (l->key == NULL || l->key_len == 0 || l->key_len > MOST_KEY_BYTES)
        return false;
    for (size_t i = 0; i < l->key_len; i++) {
        if (strchr(".[]\\\"", l->key[i]) != NULL || (unsigned char)l->key[i] <= ' ' ||
            (unsigned char)l->key[i] >= 0x7F)
            return false;
    }
    return true;
}

/* As deep as the names are such that a path can hold them. */
static void write_path(const struct level *levels, size_t depth, char out[JS_WHERE_SIZE])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t d = 0; d < depth && d < MOST_LEVELS; d++) {
        const struct level *l = &levels[d];
        char part[MOST_KEY_BYTES + 24];
        if (l->is_object && !is_plain(l))
            return;
        int n = l->is_object ? snprintf(part, sizeof(part), "%s%.*s", d > 0 ? "." : "",
                                        (int)l->key_len, l->key)
                             : snprintf(part, sizeof(part), "[%zu]", l->index);
        if (len + (size_t)n >= JS_WHERE_SIZE)
            return;
        memcpy(out + len, part, (size_t)n + 1);
        len += (size_t)n;
    }
}

void js_where(const char *bytes, size_t at, char out[JS_WHERE_SIZE])
{
    struct level levels[MOST_LEVELS] = {0}, deeper = {0}, *l = NULL;
    size_t depth = 0;
    for (size_t i = 0; i < at; i++) {
        char c = bytes[i];
        if (c == '"') {
            size_t end = js_text_end(bytes, i, at);
            if (l != NULL && l->expects_key) {
                l->key = bytes + i + 1;
                l->key_len = end - i - 1;
            }
            i = end;
        } else if (c == '{' || c == '[') {
            l = depth < MOST_LEVELS ? &levels[depth] : &deeper;
            *l = (struct level){.is_object = c == '{', .expects_key = c == '{'};
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
            l = depth == 0 ? NULL : depth <= MOST_LEVELS ? &levels[depth - 1] : &deeper;
        } else if (c == ':' && l != NULL) {
            l->expects_key = false;
        } else if (c == ',' && l != NULL) {
            l->index++;
            l->expects_key = l->is_object;
        }
    }
    write_path(levels, depth, out);
}
