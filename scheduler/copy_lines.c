#include "copy_lines.h"

#include <string.h>

#include "log.h"
#include "refused.h"

/* The start of the line that is nearest to the middle, or 0 when there is only one line. */
static size_t middle(const char *lines, size_t len)
{
    const char *nl = memchr(lines + len / 2, '\n', len - len / 2);
    if (nl != NULL && (size_t)(nl - lines) + 1 < len)
        return (size_t)(nl - lines) + 1;
    nl = memrchr(lines, '\n', len / 2);
    return nl != NULL ? (size_t)(nl - lines) + 1 : 0;
}

/* One line that Postgres refused. `why` is what it said. */
static bool leave_out(struct db *db, const char *query, const char *line, size_t len,
                      const struct err *why, struct err *e)
{
    if (db_found_duplicate(db)) {
        log_debug("a row is there already", "query", query, LOG_END);
        return true;
    }
    log_error("postgres refused a row; it is kept in chronos.refused_rows and tried again every "
              "hour",
              "query", query, "error", why->msg, LOG_END);
    return refused_keep(db, query, line, len, why->msg, e);
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
        struct err why = *e;
        return leave_out(db, query, lines, len, &why, e);
    }
    return copy_lines(db, query, lines, half, e) &&
           copy_lines(db, query, lines + half, len - half, e);
}
