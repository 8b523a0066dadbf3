/* main.c: chronos-console. Events in, runs out, over HTTP. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "daemon.h"
#include "log.h"
#include "metrics_server.h"
#include "route.h"
#include "server.h"

static const char summary[] = "chronos-console: takes events over HTTP, as the official inngest "
                              "SDK sends them, and shows and steers runs.\n"
                              "Any number of consoles may run.\n\n"
                              "chronos-console --new-key event|read|admin NAME makes a key.\n"
                              "chronos-console --routes lists what it answers to.";

/* Without keys nobody else may connect; with them everybody may, and needs one. */
static const char *address_of(const struct console *c)
{
    const char *set = c->conf->console_address;
    return *set != '\0' ? set : c->open ? "127.0.0.1" : "::";
}

static bool prepare(struct console *c, struct err *e)
{
    const struct conf *conf = c->conf;
    if (!keys_load(&c->keys, conf, e))
        return false;
    c->open = c->keys.count == 0;
    if (c->open && strncmp(address_of(c), "127.", 4) != 0 && strcmp(address_of(c), "::1") != 0)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_CONSOLE_ADDRESS=%.64s: without keys only 127.0.0.1 is allowed, as "
                       "anybody could do "
                       "anything; chronos-console --new-key admin NAME makes a key",
                       conf->console_address);
    if (strcmp(conf->console_durable, "redis") != 0 &&
        strcmp(conf->console_durable, "postgres") != 0)
        return err_set(e, ERR_INPUT, "CHRONOS_CONSOLE_DURABLE=%.64s: must be redis or postgres",
                       conf->console_durable);
    session_secret(conf->console_secret, c->secret);
    c->rate = rate_new(MAX_KEYS_SET + 1, conf->console_rate, 1000);
    c->tries = tries_new();
    if (c->open)
        log_warn("no keys are set: everything is allowed, and only from this machine", "hint",
                 "chronos-console --new-key admin NAME", LOG_END);
    return true;
}

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    static struct console console = {.conf = &c};
    struct err e;
    if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
        route_print();
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "--new-key") == 0)
        return keys_print_new(argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "");
    daemon_init(&c, CONF_CONSOLE, "chronos-console", summary, argc, argv);
    if (!prepare(&console, &e)) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 2;
    }
    daemon_block_signals();
    if (!metrics_serve(&c, METRIC_OF_CONSOLE, &e)) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 2;
    }
    metrics_say_ready("it waits for redis and postgres");
    if (!daemon_wait_for_stores(&c, false))
        return 1;
    struct server *server = server_start(&console, address_of(&console), &e);
    if (server == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 1;
    }
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server_port(server));
    metrics_say_ready(NULL);
    log_info("ready", "url", url, LOG_END);
    int sig;
    do
        sig = daemon_wait_signal(60000);
    while (sig != SIGTERM && sig != SIGINT);
    metrics_say_ready("it is stopping");
    log_info("stopping", LOG_END);
    server_stop(server, c.drain_ms);
    log_info("stopped", LOG_END);
    return 0;
}
