/* check_host.c: this machine, as a worker would find it: settings, programs, time zones, disk. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkup.h"
#include "timezone.h"

extern char **environ;

enum { LEAST_FREE_MB = 1024 };

static const char group[] = "host";

static void check_settings(struct checkup *k)
{
    int unknown = 0;
    for (char **v = environ; *v != NULL; v++) {
        if (!conf_is_misspelt(*v))
            continue;
        unknown++;
        checkup_add(k, group, "settings", FINDING_WARN,
                    "correct its name (chronos-worker --help lists all), or take it out",
                    "%.*s is no setting", (int)strcspn(*v, "="), *v);
    }
    if (unknown == 0)
        checkup_add(k, group, "settings", FINDING_OK, NULL,
                    "all are known and within their bounds");
}

/* The first line of `program -version`; false: it cannot be run. */
static bool ask_version(const char *program, char *line, size_t size)
{
    posix_spawn_file_actions_t actions;
    int fds[2], status = -1;
    pid_t pid;
    char name[] = "-version";
    char *copy = strdup(program), *argv[] = {copy, name, NULL};
    if (copy == NULL || pipe(fds) != 0)
        abort();
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addclose(&actions, fds[0]);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    int failed = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[1]);
    free(copy);
    size_t used = 0;
    char rest[512];
    if (failed == 0) {
        ssize_t n;
        while (used + 1 < size && (n = read(fds[0], line + used, size - 1 - used)) > 0)
            used += (size_t)n;
        while (read(fds[0], rest, sizeof(rest)) > 0) {
        }
        (void)waitpid(pid, &status, 0);
    }
    (void)close(fds[0]);
    line[used] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return failed == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_program(struct checkup *k, const char *check, const char *program,
                          const char *setting)
{
    char line[128], todo[160];
    bool ok = ask_version(program, line, sizeof(line));
    (void)snprintf(todo, sizeof(todo),
                   "install ffmpeg where workers run, or set %s: uploads cannot be transcribed",
                   setting);
    checkup_add(k, group, check, ok ? FINDING_OK : FINDING_WARN, todo, "%s",
                ok ? line : "it cannot be run");
}

static void check_zones(struct checkup *k)
{
    struct err e;
    struct zone *z = zone_load("Europe/Paris", NULL, &e);
    checkup_add(k, group, "time zones", z != NULL ? FINDING_OK : FINDING_WARN,
                "install tzdata where schedulers run: schedules with a time zone do not tick", "%s",
                z != NULL ? ZONE_DIR : e.msg);
    zone_free(z);
}

static void check_disk(struct checkup *k)
{
    const char *dir = k->c->conf.work_dir;
    struct statvfs s;
    if (statvfs(dir, &s) != 0 || access(dir, W_OK | X_OK) != 0) {
        checkup_add(k, group, "disk", FINDING_FAIL,
                    "make the directory writable, or set CHRONOS_WORK_DIR to another", "%s: %s",
                    dir, strerror(errno));
        return;
    }
    double free_mb = (double)s.f_bavail * (double)s.f_frsize / 1e6;
    checkup_add(k, group, "disk", free_mb < LEAST_FREE_MB ? FINDING_WARN : FINDING_OK,
                "make room, or set CHRONOS_WORK_DIR to a larger disk: downloads of videos go there",
                "%s, %.0f MB free", dir, free_mb);
}

void check_host(struct checkup *k)
{
    check_settings(k);
    check_program(k, "ffmpeg", k->c->conf.services.ffmpeg, "CHRONOS_FFMPEG");
    check_program(k, "ffprobe", k->c->conf.services.ffprobe, "CHRONOS_FFPROBE");
    check_zones(k);
    check_disk(k);
}
