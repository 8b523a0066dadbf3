/* url.h: which addresses a worker may be made to fetch.
 *
 * Some URLs are ours (configured bases), others were handed over by a user or a service. The second kind could
 * point at a database, a metadata service or a neighbour on the private network, so it is checked twice: the
 * text before the request (url_check) and the address after resolution (address_is_public), because a public
 * name may resolve to a private address and may change between two look-ups. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "err.h"

/* True when host and port are those of a base given to http_trust_base. */
bool url_is_trusted(const char *url);

/* May this be requested? Only http and https at all. `untrusted` adds: https (http for a trusted base), no
 * user-info, no IP literal, the default port; a trusted base passes. `allowed_hosts` (NULL = any) are suffixes at
 * a label boundary. ERR_PERMANENT otherwise. */
bool url_check(const char *url, bool untrusted, const char *const *allowed_hosts,
               struct err *e) MUST_CHECK;

/* "host/path" for messages: never the query string, which may hold a signature. */
void url_place(const char *url, char *out, size_t out_size);

/* False for loopback, private, link-local, carrier-grade NAT, multicast, documentation and metadata addresses,
 * and for anything that is not IP. */
bool address_is_public(const struct sockaddr *sa);
