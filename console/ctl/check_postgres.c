/* check_postgres.c: is Postgres new enough, migrated, safe, ours to use, and does it let all daemons in? */
#include <stdlib.h>
#include <string.h>

#include "checkup.h"
#include "clock.h"
#include "fleet.h"

enum {
    OLDEST = 150000,
    QUERIES = 32,
    SLOW_US = 10000,
    SCHEDULER_CONNECTIONS = 10,
    ITS_OWN = 10,
    MANY_CHUNKS = 10000
};

static const char group[] = "postgres";

static bool is_on(const PGresult *r, const char *column)
{
    return strcmp(db_text(r, 0, column), "off") != 0;
}

static void check_server(struct checkup *k, const PGresult *r)
{
    bool is_new = db_int(r, 0, "version_number", 0) >= OLDEST;
    checkup_add(k, group, "version", is_new ? FINDING_OK : FINDING_FAIL,
                "upgrade to Postgres 15 or newer", "%s", db_text(r, 0, "version"));
    bool writes = !db_is_true(r, 0, "recovering") && strcmp(db_text(r, 0, "read_only"), "on") != 0;
    checkup_add(k, group, "writable", writes ? FINDING_OK : FINDING_FAIL,
                "point CHRONOS_DATABASE_URL at the primary, and let its user write "
                "(default_transaction_read_only off)",
                "%s", writes ? "yes" : "read-only");
    bool safe = is_on(r, "fsync") && is_on(r, "full_page_writes");
    checkup_add(
        k, group, "durable",
        !safe                            ? FINDING_FAIL
        : is_on(r, "synchronous_commit") ? FINDING_OK
                                         : FINDING_WARN,
        "set fsync, full_page_writes and synchronous_commit on: what is committed can be lost, "
        "and a step done twice",
        "fsync %s, full_page_writes %s, synchronous_commit %s", db_text(r, 0, "fsync"),
        db_text(r, 0, "full_page_writes"), db_text(r, 0, "synchronous_commit"));
    bool has_vectors = db_is_true(r, 0, "vector_installed");
    checkup_add(k, group, "pgvector", has_vectors ? FINDING_OK : FINDING_WARN,
                db_is_true(r, 0, "vector_available")
                    ? "create extension vector, before the first migration: search gets an index"
                    : "install pgvector where the search grows: without it each search reads all "
                      "vectors of a creator",
                "%s", has_vectors ? "installed" : "not installed; vectors are kept as arrays");
}

/* Each thread of a worker or console may hold a connection; a scheduler holds about ten. */
static void check_room(struct checkup *k, const PGresult *r)
{
    const struct conf *conf = &k->c->conf;
    struct fleet fleet;
    struct err e;
    long long most = db_int(r, 0, "max_connections", 0) - db_int(r, 0, "reserved", 0);
    long long now = db_int(r, 0, "connections", 0);
    size_t workers = 1, schedulers = 1;
    if (k->redis && fleet_read(&fleet, k->c->kv, &e)) {
        size_t w = fleet_alive(fleet.workers), s = fleet_alive(fleet.schedulers);
        workers = w > 0 ? w : 1;
        schedulers = s > 0 ? s : 1;
        fleet_release(&fleet);
    }
    long long need = (long long)workers * conf->worker_threads +
                     (long long)schedulers * SCHEDULER_CONNECTIONS + conf->console_threads +
                     ITS_OWN;
    checkup_add(k, group, "connections",
                need > most || now > most * 9 / 10 ? FINDING_WARN : FINDING_OK,
                "raise max_connections, or lower CHRONOS_WORKER_THREADS: daemons wait for a "
                "connection when there is none",
                "%lld in use, %lld needed when all threads of %zu worker%s are busy, %lld allowed",
                now, need, workers, workers == 1 ? "" : "s", most);
}

static void check_latency(struct checkup *k)
{
    int64_t worst = 0, sum = 0;
    struct err e;
    for (int i = 0; i < QUERIES; i++) {
        int64_t before = mono_us();
        if (!db_ping(k->c->db, &e)) {
            checkup_add(k, group, "latency", FINDING_SKIP, NULL, "%s", e.msg);
            return;
        }
        int64_t took = mono_us() - before;
        sum += took;
        worst = took > worst ? took : worst;
    }
    checkup_add(k, group, "latency", sum / QUERIES > SLOW_US ? FINDING_WARN : FINDING_OK,
                "move Postgres and the daemons closer together",
                "mean %.2f ms, worst %.2f ms of %d queries", (double)sum / QUERIES / 1e3,
                (double)worst / 1e3, QUERIES);
}

static void check_schema(struct checkup *k)
{
    struct err e;
    int version = 0, newest = db_newest_migration();
    if (!db_schema_version(k->c->db, &version, &e)) {
        checkup_add(k, group, "schema", FINDING_FAIL,
                    "upgrade this program, or let its user read chronos.schema_migrations", "%s",
                    e.msg);
        return;
    }
    k->schema = version >= newest;
    checkup_add(k, group, "schema", k->schema ? FINDING_OK : FINDING_FAIL,
                "run chronosctl migrate, or start a scheduler of this version", "version %d of %d",
                version, newest);
}

static void check_rights(struct checkup *k)
{
    struct err e;
    auto_result *r = DB_QUERY(k->c->db, &e, "missing_rights");
    if (r == NULL) {
        checkup_add(k, group, "rights", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    const char *unread = db_text(r, 0, "unreadable"), *unwritten = db_text(r, 0, "unwritable");
    if (unread != NULL)
        checkup_add(k, group, "rights", FINDING_FAIL,
                    "grant usage on schema chronos, and select on these tables, to this user",
                    "%s may not read %s", db_text(r, 0, "role"), unread);
    else if (unwritten != NULL)
        checkup_add(k, group, "rights", FINDING_WARN,
                    "it is enough to look; to give orders grant insert and update on these tables",
                    "%s may not write %s", db_text(r, 0, "role"), unwritten);
    else
        checkup_add(k, group, "rights", FINDING_OK, NULL, "%s may read and order",
                    db_text(r, 0, "role"));
}

static void check_days(struct checkup *k)
{
    struct err e;
    auto_result *r = DB_QUERY(k->c->db, &e, "missing_days");
    if (r == NULL) {
        checkup_add(k, group, "partitions by day", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    const char *missing = db_text(r, 0, "missing");
    checkup_add(k, group, "partitions by day", missing == NULL ? FINDING_OK : FINDING_WARN,
                "start a scheduler: it makes them; until then rows go into the default partitions",
                "%s%s", missing == NULL ? "today's and tomorrow's are there" : "missing: ",
                missing == NULL ? "" : missing);
}

/* Few chunks are compared one by one, whatever there is. */
static void check_search(struct checkup *k)
{
    struct err e;
    auto_result *r = DB_QUERY(k->c->db, &e, "search_indexes");
    if (r == NULL) {
        checkup_add(k, group, "search", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    const char *kinds = db_text(r, 0, "kinds");
    long long chunks = db_int(r, 0, "chunks", 0);
    char count[64] = "few chunks, or none that Postgres has counted yet";
    if (chunks > 0)
        (void)snprintf(count, sizeof(count), "about %lld chunks", chunks);
    bool has_vector = db_is_true(r, 0, "has_vector");
    bool better = !has_vector || db_is_true(r, 0, "has_hnsw");
    bool hnsw = kinds != NULL && strstr(kinds, "hnsw") != NULL;
    checkup_add(
        k, group, "search", hnsw || !better || chunks <= MANY_CHUNKS ? FINDING_OK : FINDING_WARN,
        has_vector
            ? "make an index of the kind hnsw: \"Searching many chunks\" in ops/deploy.md"
            : "install pgvector before there are more: without it each search reads every vector",
        "%s, %s", count, kinds != NULL ? kinds : "compared one by one");
}

void check_postgres(struct checkup *k)
{
    struct err e;
    auto_result *r = DB_QUERY(k->c->db, &e, "postgres_settings");
    if (r == NULL) {
        checkup_add(k, group, "reachable", FINDING_FAIL,
                    "start Postgres, or correct CHRONOS_DATABASE_URL (host, port, database, user, "
                    "password, sslmode)",
                    "%s", e.msg);
        return;
    }
    k->postgres = true;
    checkup_add(k, group, "reachable", FINDING_OK, NULL, "database %s, %.0f MB",
                db_text(r, 0, "database"), (double)db_int(r, 0, "bytes", 0) / 1e6);
    check_server(k, r);
    check_room(k, r);
    check_latency(k);
    check_schema(k);
    if (k->schema) {
        check_rights(k);
        check_days(k);
        check_search(k);
    }
}
