#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int listen_at(const char *address, int port, int backlog, bool *ret_bad_address)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", port);
    *ret_bad_address = getaddrinfo(address, text, &hints, &found) != 0;
    if (*ret_bad_address)
        return -1;
    int one = 1, zero = 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
              (found->ai_family != AF_INET6 ||
               setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) == 0) &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, backlog) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (ok)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}
