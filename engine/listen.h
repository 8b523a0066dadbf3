/* listen.h: a socket on which a daemon answers. */
#pragma once

#include <stdbool.h>

/* Listens on TCP at an IP address; "::" takes IPv4 as well; port 0 = a free one. Returns the descriptor, which does not block
 * and is the caller's to close; -1 when it cannot, with errno, or with *ret_bad_address when it is no IP address. */
int listen_at(const char *address, int port, int backlog, bool *ret_bad_address);
