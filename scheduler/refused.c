#include "refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"

enum { LINE_MAX_BYTES = 512 << 20 };

/* A bytea goes as hex, since a line may be refused for bytes that are no text. */
static bool add_hex(struct buf *b, const char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    bool ok = buf_adds(b, "\\x");
    for (size_t i = 0; ok && i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char two[] = {digits[c >> 4], digits[c & 15]};
        ok = buf_add(b, two, sizeof(two));
    }
    return ok;
}

bool refused_keep(struct db *db, const char *query, const char *line, size_t len,
                  const char *reason, struct err *e)
{
    auto_buf hex = BUF_INIT(2 * (size_t)LINE_MAX_BYTES);
    if (!add_hex(&hex, line, len))
        return err_set(e, ERR_BUG, "%s: a row is too long to be kept", query);
    return DB_EXEC(db, e, "keep_refused_row", query, hex.data, reason);
}

/* Sends the line; *ret_stored tells whether it is in its table now. */
static bool send_again(struct db *db, const PGresult *row, bool *ret_stored, struct err *e)
{
    const char *query = db_text(row, 0, "query");
    size_t len;
    unsigned char *line = PQunescapeBytea((const unsigned char *)db_text(row, 0, "line"), &len);
    if (line == NULL)
        abort();
    *ret_stored = db_copy(db, query, (const char *)line, len, e);
    PQfreemem(line);
    if (!*ret_stored && e->code == ERR_INPUT)
        *ret_stored = db_found_duplicate(db);
    /* a fault of ours, as a query of another release, concerns this row alone */
    return *ret_stored || e->code == ERR_INPUT || e->code == ERR_BUG;
}

static void tell_taken(long taken)
{
    char count[24];
    if (taken == 0)
        return;
    (void)snprintf(count, sizeof(count), "%ld", taken);
    log_info("rows that postgres had refused are in their tables now", "rows", count, LOG_END);
}

bool refused_retry(struct db *db, const atomic_bool *stopping, struct err *e)
{
    char after[24] = "0";
    long taken = 0;
    bool ok = true;
    while (ok && !atomic_load(stopping)) {
        auto_result *row = DB_QUERY(db, e, "next_refused_row", after);
        if (row == NULL || PQntuples(row) == 0) {
            ok = row != NULL;
            break;
        }
        bool stored = false;
        (void)snprintf(after, sizeof(after), "%s", db_text(row, 0, "id"));
        ok = send_again(db, row, &stored, e) &&
             (!stored || DB_EXEC(db, e, "drop_refused_row", after));
        taken += ok && stored;
    }
    tell_taken(taken);
    return ok;
}
