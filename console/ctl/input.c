#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"

enum { MOST_BYTES = 64 << 20 };

char *input_text(const char *given, size_t *ret_len, struct err *e)
{
    if (strcmp(given, "-") != 0) {
        char *copy = strdup(given);
        if (copy == NULL)
            abort();
        *ret_len = strlen(copy);
        return copy;
    }
    struct buf b = BUF_INIT(MOST_BYTES);
    char part[65536];
    size_t n;
    while ((n = fread(part, 1, sizeof(part), stdin)) > 0) {
        if (!buf_add(&b, part, n)) {
            buf_release(&b);
            return err_null(e, ERR_INPUT, "standard input has more than %d bytes", MOST_BYTES);
        }
    }
    if (ferror(stdin) != 0) {
        buf_release(&b);
        return err_null(e, ERR_INPUT, "standard input cannot be read");
    }
    if (b.len == 0) {
        buf_release(&b);
        return err_null(e, ERR_INPUT, "standard input is empty");
    }
    *ret_len = b.len;
    return buf_take(&b);
}
