#include "retention.h"

#include <stdio.h>

#include "buf.h"
#include "log.h"

enum {
    DAYS_BACK = 1,
    DAYS_AHEAD = 3,
    KEEP_MAX_BYTES = 1024,
    DAY_SIZE = 32,
    AUDIT_ROWS = 1000, /* of who did what, deleted at once */
};

bool retention_make(struct db *db, struct err *e)
{
    char back[16], ahead[16];
    (void)snprintf(back, sizeof(back), "%d", DAYS_BACK);
    (void)snprintf(ahead, sizeof(ahead), "%d", DAYS_AHEAD);
    return DB_EXEC(db, e, "ensure_partitions", back, ahead);
}

/* Days by table, as JSON. */
static bool write_keep(const struct conf *c, struct buf *out, struct err *e)
{
    const struct {
        const char *table;
        long days;
    } tables[] = {
        {"events", c->retention_events_days},
        {"runs", c->retention_runs_days},
        {"step_ledger", c->retention_runs_days},
        {"run_steps", c->retention_steps_days},
        {"rejected_events", c->retention_rejected_days},
    };
    bool ok = buf_addf(out, "{\"default\":%ld", c->retention_days);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (tables[i].days != 0)
            ok = ok && buf_addf(out, ",\"%s\":%ld", tables[i].table, tables[i].days);
    }
    return (ok && buf_addc(out, '}')) || err_set(e, ERR_BUG, "there are too many tables");
}

/* Judges a day, which may be long: it is read whole. *day is the one judged last, and becomes "" behind the last. */
static bool settle_next(struct db *db, char day[DAY_SIZE], struct err *e)
{
    if (!db_begin(db, e))
        return false;
    bool ok = DB_EXEC(db, e, "bound_retention");
    auto_result *r = NULL;
    if (ok)
        r = DB_QUERY(db, e, "settle_next_day", *day != '\0' ? day : NULL);
    const char *judged = r != NULL ? db_text(r, 0, "day") : NULL;
    (void)snprintf(day, DAY_SIZE, "%s", judged != NULL ? judged : "");
    ok = r != NULL && db_commit(db, e);
    if (!ok)
        db_rollback(db);
    return ok;
}

static bool settle(struct db *db, const atomic_bool *stopping, struct err *e)
{
    char day[DAY_SIZE] = "";
    do {
        if (!settle_next(db, day, e))
            return false;
    } while (*day != '\0' && !atomic_load(stopping));
    return true;
}

static bool drop_all(struct db *db, const char *keep, const atomic_bool *stopping, struct err *e)
{
    auto_result *r = DB_QUERY(db, e, "droppable_partitions", keep);
    if (r == NULL)
        return false;
    for (int i = 0; i < PQntuples(r) && !atomic_load(stopping); i++) {
        if (!DB_EXEC(db, e, "drop_partition", db_text(r, i, "partition")))
            return false;
        log_info("a day of history was past its time and is dropped", "partition",
                 db_text(r, i, "partition"), LOG_END);
    }
    return true;
}

static void tell_audit(long long deleted)
{
    char count[24];
    if (deleted == 0)
        return;
    (void)snprintf(count, sizeof(count), "%lld", deleted);
    log_info("rows of who changed what were past their time and are deleted", "rows", count,
             LOG_END);
}

static bool delete_audit(const struct conf *c, struct db *db, const atomic_bool *stopping,
                         struct err *e)
{
    char days[16], most[16];
    long long deleted, sum = 0;
    (void)snprintf(days, sizeof(days), "%ld", retention_days(c, c->retention_audit_days));
    (void)snprintf(most, sizeof(most), "%d", AUDIT_ROWS);
    do {
        auto_result *r = DB_QUERY(db, e, "delete_old_audit", days, most);
        if (r == NULL)
            return false;
        deleted = db_int(r, 0, "deleted", 0);
        sum += deleted;
    } while (deleted == AUDIT_ROWS && !atomic_load(stopping));
    tell_audit(sum);
    return true;
}

static bool delete_refused(const struct conf *c, struct db *db, struct err *e)
{
    char days[16];
    (void)snprintf(days, sizeof(days), "%ld", retention_days(c, c->retention_rejected_days));
    return DB_EXEC(db, e, "delete_old_refused_rows", days);
}

static bool tell_held(struct db *db, const char *keep, struct err *e)
{
    auto_result *r = DB_QUERY(db, e, "count_held_partitions", keep);
    if (r == NULL)
        return false;
    if (db_int(r, 0, "held", 0) > 0)
        log_info("history that is past its time is kept, since live runs need it", "partitions",
                 db_text(r, 0, "held"), "oldest", db_text(r, 0, "oldest"), LOG_END);
    return true;
}

bool retention_drop(const struct conf *c, struct db *db, const atomic_bool *stopping, struct err *e)
{
    auto_buf keep = BUF_INIT(KEEP_MAX_BYTES);
    if (!write_keep(c, &keep, e) || !DB_EXEC(db, e, "part_old_rows", keep.data) ||
        !settle(db, stopping, e) || !drop_all(db, keep.data, stopping, e) ||
        !delete_audit(c, db, stopping, e) || !delete_refused(c, db, e))
        return false;
    return atomic_load(stopping) ||
           (DB_EXEC(db, e, "drop_heard_parts") && tell_held(db, keep.data, e));
}
