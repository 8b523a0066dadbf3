/* main.c: chronosctl. Finds the command's row, reads the arguments by it, and runs it. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "daemon.h"
#include "help.h"
#include "log.h"

static const char *command_name(const void *of, int i)
{
    const struct command *c = command_next(NULL);
    (void)of;
    while (c != NULL && i-- > 0)
        c = command_next(c);
    return c != NULL ? c->name : NULL;
}

static int unknown_command(const char *name)
{
    const char *near = nearest_name(name, command_name, NULL);
    (void)fprintf(stderr, "chronosctl: there is no command '%.64s'%s%s%s (chronosctl --help)\n",
                  name, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                  near != NULL ? "?" : "");
    return EXIT_USAGE;
}

static int load_settings(struct ctl *c)
{
    struct err e;
    if (!conf_load(&c->conf, (enum conf_daemon)c->command->settings, &e))
        return ctl_usage(c, "%s", e.msg);
    c->kv = kv_new(c->conf.redis_url, &e); /* parsed before */
    if (c->kv == NULL)
        return ctl_usage(c, "%s", e.msg);
    c->db = db_new(c->conf.database_url, "chronosctl");
    return EXIT_FINE;
}

static int run(struct ctl *c, int argc, char **argv)
{
    bool help;
    if (!args_read(c, argc, argv, &help))
        return EXIT_USAGE;
    if (help) {
        help_command(stdout, c->command);
        return EXIT_FINE;
    }
    int code = c->command->settings != 0 ? load_settings(c) : EXIT_FINE;
    if (code == EXIT_FINE)
        code = c->command->run(c);
    db_free(c->db);
    kv_free(c->kv);
    return code;
}

int main(int argc, char **argv)
{
    static struct ctl c; /* strings of its settings live as long as the process */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)signal(
        SIGPIPE,
        SIG_IGN); /* of a store that went away; a closed pipe of ours ends as a failed write */
    log_init("chronosctl", LOG_ERROR);
    if (argc < 2) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    for (; argc > 1 && strcmp(argv[1], "--json") == 0; argc--, argv++)
        c.json = true;
    if (argc < 2) {
        (void)fprintf(stderr, "chronosctl: command is missing (chronosctl --help)\n");
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help_all(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("chronosctl %s\n", daemon_version);
        return EXIT_FINE;
    }
    c.command = command_find(argv[1]);
    if (c.command == NULL)
        return unknown_command(argv[1]);
    int code = run(&c, argc - 2, argv + 2);
    if (fflush(stdout) != 0 && code == EXIT_FINE)
        code = EXIT_BROKEN;
    return code;
}
