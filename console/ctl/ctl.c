#include "ctl.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "clock.h"
#include "js.h"
#include "log.h"
#include "partitions.h"

static volatile sig_atomic_t stopped;

static int option_place(const struct ctl *c, const char *name)
{
    for (int i = 0; c->command->options[i].name != NULL; i++) {
        if (strcmp(c->command->options[i].name, name) == 0)
            return i;
    }
    abort(); /* a command asks for what its row does not have */
}

const char *ctl_option(const struct ctl *c, const char *name)
{
    return c->options[option_place(c, name)];
}

bool ctl_flag(const struct ctl *c, const char *name)
{
    return ctl_option(c, name) != NULL;
}

long ctl_number(const struct ctl *c, const char *name, long otherwise)
{
    const char *text = ctl_option(c, name);
    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

int64_t ctl_time_ms(const struct ctl *c, const char *name, int64_t otherwise)
{
    int place = option_place(c, name);
    const char *text = c->options[place];
    int64_t ms = otherwise;
    if (text != NULL)
        (void)args_time_ms(c->command->options[place].kind, text, wall_ms(), &ms);
    return ms;
}

/* ---- how it ends ---- */

static void tell(const struct ctl *c, const char *code, const char *sentence)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "%s", sentence);
    log_mask(text);
    if (c->json) {
        auto_json *j = js_pack("{s:s, s:s}", "code", code, "error", text);
        auto_free char *line = j != NULL ? js_dump(j, NULL) : NULL;
        (void)fprintf(stderr, "%s\n", line != NULL ? line : "{\"code\":\"bug\"}");
        return;
    }
    (void)fprintf(stderr, "chronosctl %s: %s\n", c->command->name, text);
}

int ctl_usage(struct ctl *c, const char *fmt, ...)
{
    char text[512], whole[700];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)snprintf(whole, sizeof(whole), "%s (chronosctl %s --help)", text, c->command->name);
    tell(c, "usage", whole);
    return EXIT_USAGE;
}

int ctl_refuse(struct ctl *c, const char *fmt, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    tell(c, "refused", text);
    return EXIT_REFUSED;
}

int ctl_fail(struct ctl *c, const struct err *e)
{
    char text[700];
    switch (e->code) {
    case ERR_INPUT:
    case ERR_PERMANENT:
        tell(c, "refused", e->msg);
        return EXIT_REFUSED;
    case ERR_UNAVAILABLE:
    case ERR_REDIS:
    case ERR_POSTGRES:
    case ERR_RETRY:
        (void)snprintf(text, sizeof(text),
                       "%s (CHRONOS_REDIS_URL and CHRONOS_DATABASE_URL say "
                       "where the stores are; chronosctl doctor checks them)",
                       e->msg);
        tell(c, "unavailable", text);
        return EXIT_AWAY;
    default:
        tell(c, err_name(e->code), e->msg);
        return EXIT_BROKEN;
    }
}

bool ctl_partitions(struct ctl *c, long *ret, struct err *e)
{
    if (!partitions_in_redis(c->kv, ret, e))
        return false;
    if (*ret != 0)
        return true;
    *ret = c->conf.partitions;
    return partitions_settle(ret, false, c->kv, c->db, e);
}

/* ---- stopping ---- */

static void note_stop(int sig)
{
    (void)sig;
    stopped = 1;
}

void ctl_catch_signals(void)
{
    struct sigaction a = {.sa_handler = note_stop};
    (void)sigemptyset(&a.sa_mask);
    (void)sigaction(SIGINT, &a, NULL);
    (void)sigaction(SIGTERM, &a, NULL);
}

bool ctl_stopped(void)
{
    return stopped != 0;
}

bool ctl_nap(int64_t ms)
{
    for (int64_t end = mono_ms() + ms, left; (left = end - mono_ms()) > 0 && stopped == 0;)
        sleep_ms(left < 100 ? left : 100);
    return stopped == 0;
}
