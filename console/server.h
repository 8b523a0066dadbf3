/* server.h: HTTP on one port (libmicrohttpd).
 *
 * One thread reads and writes all sockets. A request that has come as a whole is handed to one of the threads that answer
 * (threads.h) while its connection is set aside; the answer wakes it up. So a client that sends or reads slowly holds a socket
 * and nothing else. What is bounded: the connections, the size of head and body, the time that a request may take to come, and
 * the time that its answer may take to be fetched. */
#pragma once

#include "console.h"
#include "err.h"

struct server;

/* Listens and answers. Failures name the address. */
struct server *server_start(struct console *c, const char *address, struct err *e);

int server_port(const struct server *s);

/* Takes no more connections, answers what is there for at most drain_ms, then ends. */
void server_stop(struct server *s, int64_t drain_ms);
