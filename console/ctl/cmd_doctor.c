/* cmd_doctor.c: checks every dependency and setting, and says what to do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checkup.h"
#include "js.h"
#include "log.h"
#include "out.h"
#include "rows.h"

static const char *const words[] = {
    [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail", [FINDING_SKIP] = "skip"};

void checkup_add(struct checkup *k, const char *group, const char *check, enum finding f,
                 const char *todo, const char *found, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, found);
    (void)vsnprintf(text, sizeof(text), found, ap);
    va_end(ap);
    log_mask(text);
    bool is_bad = f == FINDING_WARN || f == FINDING_FAIL;
    k->warnings += f == FINDING_WARN;
    k->failures += f == FINDING_FAIL;
    json_t *row = js_pack("{s:s, s:s, s:s, s:s, s:s?}", "group", group, "check", check, "status",
                          words[f], "found", text, "todo", is_bad ? todo : NULL);
    if (row == NULL) /* a server's message that is no UTF-8 */
        row = js_pack("{s:s, s:s, s:s, s:s, s:s?}", "group", group, "check", check, "status",
                      words[f], "found", "(unreadable)", "todo", is_bad ? todo : NULL);
    (void)json_array_append_new(k->findings, row);
}

static void print_findings(const struct checkup *k)
{
    size_t i;
    json_t *row;
    json_array_foreach (k->findings, i, row) {
        const char *todo = js_str(row, "todo");
        out_say(k->c, "%-4s  %-8s  %s: %s", js_str(row, "status"), js_str(row, "group"),
                js_str(row, "check"), js_str(row, "found"));
        if (todo != NULL)
            out_say(k->c, "                -> %s", todo);
    }
    if (k->failures + k->warnings == 0)
        out_say(k->c, "all is well");
    else
        out_say(k->c, "%d wrong, %d to be looked at", k->failures, k->warnings);
}

static int run(struct ctl *c)
{
    struct checkup k = {.c = c, .findings = json_array(), .offline = ctl_flag(c, "offline")};
    check_redis(&k);
    check_postgres(&k);
    check_clocks(&k);
    check_engine(&k);
    check_host(&k);
    check_providers(&k);
    if (c->json) {
        auto_json *j = js_pack("{s:b, s:i, s:i, s:O}", "ok", k.failures == 0, "failures",
                               k.failures, "warnings", k.warnings, "findings", k.findings);
        out_json(j);
    } else {
        print_findings(&k);
    }
    json_decref(k.findings);
    return k.failures > 0 || (k.warnings > 0 && ctl_flag(c, "strict")) ? EXIT_FOUND : EXIT_FINE;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Checks every dependency and setting, and says what to do",
    .details = "Redis (version, persistence, eviction, memory, rights, latency), Postgres "
               "(version, schema, rights, connections\n"
               "against threads, durability), the clocks, daemons, functions and backlogs, and "
               "this machine as a worker would find\n"
               "it: settings, ffmpeg, time zones, disk, outside services. Run it with a worker's "
               "environment: keys that only workers\n"
               "have are not seen from another shell. It changes nothing.\n\n"
               "Each line is ok, warn (works, but not as it should), fail (does not work, or will "
               "lose work) or skip (could not be\n"
               "looked at), with what to do.",
    .options = {{"offline", NULL, FLAG, "outside services are not asked"},
                {"strict", NULL, FLAG, "warnings count as faults for the exit code"}},
    .examples = {{"doctor", "after an installation, and first when something is odd"},
                 {"doctor --offline --json", "for a monitoring system"}},
    .run = run,
    .settings = CONF_ALL,
};
