/* migrate.c: brings the schema to the newest version this binary carries.
 *
 * Each migration runs in its own transaction, which first takes the migrators' advisory lock, then looks again
 * whether somebody else was faster, and takes the number before the change: concurrent starts wait for each other
 * and find nothing left to do. A schema that is up to date is recognised without any lock. */
#include "db_conn.h"
#include "sql_table.h"

int db_newest_migration(void)
{
    return sql_migrations[sql_migrations_count - 1].version;
}

/* *ret is left alone while there is no table. */
static bool read_applied(struct db *db, PGresult **ret, struct err *e)
{
    auto_result *has = DB_QUERY(db, e, "has_migrations_table");
    if (has == NULL)
        return false;
    if (!db_is_true(has, 0, "present"))
        return true;
    PGresult *r = DB_QUERY(db, e, "applied_migrations");
    if (r == NULL)
        return false;
    *ret = r;
    return true;
}

static int applied_version(const PGresult *applied)
{
    int rows = PQntuples(applied); /* 0 for NULL */
    return rows == 0 ? 0 : (int)db_int(applied, rows - 1, "version", 0);
}

static bool is_applied(const PGresult *applied, int version)
{
    for (int i = 0; i < PQntuples(applied); i++)
        if (db_int(applied, i, "version", 0) == version)
            return true;
    return false;
}

/* Newer is fine as long as nothing newer says that we would not understand it. */
static bool check_understood(const PGresult *applied, struct err *e)
{
    for (int i = 0; i < PQntuples(applied); i++) {
        int version = (int)db_int(applied, i, "version", 0);
        if (version > db_newest_migration() && db_is_true(applied, i, "breaking"))
            return err_set(
                e, ERR_PERMANENT,
                "the database schema is at version %d, and this program knows versions up "
                "to %d: version %d needs a newer program",
                applied_version(applied), db_newest_migration(), version);
    }
    return true;
}

/* Transaction, lock, and what there is then. */
static bool begin_migrating(struct db *db, PGresult **ret_applied, struct err *e)
{
    return db_begin(db, e) && DB_EXEC(db, e, "lift_timeouts") &&
           DB_EXEC(db, e, "lock_migrations") && DB_EXEC(db, e, "bound_lock_waits") &&
           read_applied(db, ret_applied, e);
}

static bool create_table(struct db *db, struct err *e)
{
    auto_result *applied = NULL;
    bool ok = begin_migrating(db, &applied, e) && DB_EXEC(db, e, "create_chronos_schema") &&
              DB_EXEC(db, e, "create_migrations_table") && db_commit(db, e);
    db_rollback(db); /* nothing, unless a step failed */
    return ok || err_wrap(e, "cannot create the table of migrations");
}

static bool take_number(struct db *db, const struct sql_migration *m, struct err *e)
{
    char version[16];
    (void)snprintf(version, sizeof(version), "%d", m->version);
    return DB_EXEC(db, e, "take_migration", version, m->name, m->breaking ? "true" : "false");
}

static bool run_text(struct db *db, const struct sql_migration *m, struct err *e)
{
    auto_result *r = db_conn_run(db, m->name, m->text, DB_CANCELLABLE, e);
    return r != NULL;
}

static bool apply(struct db *db, const struct sql_migration *m, struct err *e)
{
    auto_result *applied = NULL;
    bool ok = begin_migrating(db, &applied, e) &&
              (is_applied(applied, m->version) || (take_number(db, m, e) && run_text(db, m, e))) &&
              db_commit(db, e);
    db_rollback(db); /* nothing, unless a step failed */
    return ok || err_wrap(e, "migration %d", m->version);
}

static bool migrate(struct db *db, int *ret_version, struct err *e)
{
    auto_result *applied = NULL;
    if (!read_applied(db, &applied, e) || !check_understood(applied, e))
        return false;
    if (applied == NULL && !create_table(db, e))
        return false;
    for (size_t i = 0; i < sql_migrations_count; i++)
        if (!is_applied(applied, sql_migrations[i].version) && !apply(db, &sql_migrations[i], e))
            return e->code == ERR_UNAVAILABLE
                       ? false
                       : err_wrap(e,
                                  "the schema is at version %d and cannot be brought to %d (run "
                                  "chronos-scheduler --migrate as the owner of the schema chronos)",
                                  applied_version(applied), db_newest_migration());
    return db_schema_version(db, ret_version, e);
}

bool db_migrate(struct db *db, int *ret_version, struct err *e)
{
    if (db->in_transaction)
        return err_set(e, ERR_BUG, "migrations inside a transaction");
    db->patient =
        true; /* an index on a large table, or another migrator's, takes as long as it takes */
    bool ok = migrate(db, ret_version, e);
    db->patient = false;
    return ok;
}

bool db_schema_version(struct db *db, int *ret_version, struct err *e)
{
    auto_result *applied = NULL;
    if (!read_applied(db, &applied, e) || !check_understood(applied, e))
        return false;
    *ret_version = applied_version(applied);
    return true;
}
