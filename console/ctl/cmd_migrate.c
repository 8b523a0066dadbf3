/* cmd_migrate.c: the schema, ahead of a scheduler that would migrate it at its start. */
#include "js.h"
#include "out.h"
#include "rows.h"

static int run(struct ctl *c)
{
    struct err e;
    int before = 0, after;
    if (!db_schema_version(c->db, &before, &e))
        return ctl_fail(c, &e);
    after = before;
    if (!ctl_flag(c, "check") && !db_migrate(c->db, &after, &e))
        return ctl_fail(c, &e);
    bool behind = after < db_newest_migration();
    if (c->json) {
        auto_json *j = js_pack("{s:i, s:i, s:i, s:b}", "before", before, "version", after, "newest",
                               db_newest_migration(), "up_to_date", !behind);
        out_json(j);
    } else if (behind)
        out_say(c,
                "the schema has version %d, this program's is %d: chronosctl migrate brings it "
                "there",
                after, db_newest_migration());
    else if (after > before)
        out_say(c, "the schema went from version %d to %d", before, after);
    else
        out_say(c, "the schema is up to date (version %d)", after);
    return behind ? EXIT_FOUND : EXIT_FINE;
}

const struct command command_migrate = {
    .name = "migrate",
    .summary = "Brings the schema of Postgres to the version of this program",
    .details = "Every scheduler does so at its start. Each migration is one transaction; several "
               "programs that migrate at\n"
               "the same time wait for each other.",
    .options = {{"check", NULL, FLAG, "changes nothing; exit code 1 when migrations are missing"}},
    .examples = {{"migrate", "before new daemons are started"},
                 {"migrate --check", "in a deployment's test"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
