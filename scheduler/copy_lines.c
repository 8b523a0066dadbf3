#include "copy_lines.h"

#include <string.h>

#include "log.h"

/* The start of the line that is nearest to the middle, or 0 when there is only one line. */
static size_t middle(const char *lines, size_t len)
{
    const char *nl = memchr(lines + len / 2, '\n', len - len / 2);
    if (nl != NULL && (size_t)(nl - lines) + 1 < len)
        return (size_t)(nl - lines) + 1;
    nl = memrchr(lines, '\n', len / 2);
    return nl != NULL ? (size_t)(nl - lines) + 1 : 0;
}

/* Depth is the logarithm of the number of lines. */
bool copy_lines(struct db *db, const char *query, const char *lines, size_t len, struct err *e)
{
    if (len == 0 || db_copy(db, query, lines, len, e))
        return true;
    if (e->code != ERR_INPUT)
        return false;
    size_t half = middle(lines, len);
    if (half == 0) {
        char line[256];
        (void)snprintf(line, sizeof(line), "%.*s", (int)(len < 200 ? len : 200), lines);
        log_warn("postgres refused a row; it is there already or cannot be stored", "query", query,
                 "error", e->msg, "row", line, LOG_END);
        return true;
    }
    return copy_lines(db, query, lines, half, e) &&
           copy_lines(db, query, lines + half, len - half, e);
}
