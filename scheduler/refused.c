#include "refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"

enum {
    LINE_MAX_BYTES = 512 << 20,
    AT_ONCE = 100,     /* rows in a turn of the housekeeping */
    PASS_MS = 3600000, /* from the end of one pass to the next */
};

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

/* Sends a line in the open transaction, which it ends. *ret_taken: it is in its table now, and kept no longer. */
static bool send_again(struct db *db, const PGresult *row, bool *ret_taken, struct err *e)
{
    const char *id = db_text(row, 0, "id");
    size_t len;
    unsigned char *line = PQunescapeBytea((const unsigned char *)db_text(row, 0, "line"), &len);
    if (line == NULL)
        abort();
    *ret_taken = db_copy(db, db_text(row, 0, "query"), (const char *)line, len, e) &&
                 DB_EXEC(db, e, "drop_refused_row", id) && db_commit(db, e);
    PQfreemem(line);
    if (*ret_taken)
        return true;
    db_rollback(db);
    if (e->code == ERR_INPUT && db_found_duplicate(db))
        return *ret_taken = DB_EXEC(db, e, "drop_refused_row", id);
    /* what concerns this row alone is in nobody's way: it is refused as before, takes too long, or its query is of another release */
    return e->code == ERR_INPUT || e->code == ERR_POSTGRES || e->code == ERR_BUG;
}

/* The row behind p->after, unless somebody else is at it. *ret_more: there was one. */
static bool retry_next(struct refused_pass *p, struct db *db, bool *ret_more, struct err *e)
{
    *ret_more = false;
    if (!db_begin(db, e))
        return false;
    auto_result *row = DB_QUERY(db, e, "next_refused_row", p->after);
    if (row == NULL || PQntuples(row) == 0) {
        db_rollback(db);
        return row != NULL;
    }
    bool taken;
    *ret_more = true;
    (void)snprintf(p->after, sizeof(p->after), "%s", db_text(row, 0, "id"));
    bool ok = send_again(db, row, &taken, e);
    p->taken += taken;
    return ok;
}

static void end_pass(struct refused_pass *p)
{
    char count[24];
    (void)snprintf(count, sizeof(count), "%ld", p->taken);
    if (p->taken > 0)
        log_info("rows that postgres had refused are in their tables now", "rows", count, LOG_END);
    *p = (struct refused_pass){.after = "0", .next_ms = mono_ms() + PASS_MS};
}

bool refused_retry(struct refused_pass *p, struct db *db, const atomic_bool *stopping,
                   struct err *e)
{
    if (mono_ms() < p->next_ms)
        return true;
    bool more = true;
    for (int n = 0; more && n < AT_ONCE && !atomic_load(stopping); n++) {
        if (!retry_next(p, db, &more, e))
            return false;
    }
    if (!more)
        end_pass(p);
    return true;
}
