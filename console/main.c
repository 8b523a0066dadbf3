/* main.c: chronos-console. Events in, runs out, over HTTP. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "daemon.h"
#include "log.h"
#include "route.h"
#include "server.h"

static const char summary[] = "chronos-console: takes events over HTTP, as the official inngest "
                              "SDK sends them, and shows and steers runs.\n"
                              "Any number of consoles may run.\n\n"
                              "chronos-console --routes lists what it answers to.";

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    static struct console console = {.conf = &c, .open = true};
    struct err e;
    if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
        route_print();
        return 0;
    }
    daemon_init(&c, CONF_CONSOLE, "chronos-console", summary, argc, argv);
    daemon_block_signals();
    if (!daemon_wait_for_stores(&c, false))
        return 1;
    struct server *server =
        server_start(&console, *c.console_address != '\0' ? c.console_address : "127.0.0.1", &e);
    if (server == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 1;
    }
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server_port(server));
    log_info("ready", "url", url, LOG_END);
    int sig;
    do
        sig = daemon_wait_signal(60000);
    while (sig != SIGTERM && sig != SIGINT);
    log_info("stopping", LOG_END);
    server_stop(server, c.drain_ms);
    log_info("stopped", LOG_END);
    return 0;
}
