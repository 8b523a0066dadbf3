#include "id.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* splitmix64's finaliser: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t hash(uint64_t seed, const char *p, size_t n)
{
    uint64_t h = seed ^ 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 0x100000001B3u;
    return mix(h ^ n);
}

void id_derive(int64_t ms, const char *first, const char *second, char out[ID_SIZE])
{
    size_t n = strlen(first), m = strlen(second);
    uint64_t a = hash(hash(1, first, n), second, m);
    uint64_t b = hash(hash(2, first, n), second, m);
    uint64_t t = (uint64_t)ms;
    for (int i = 9; i >= 0; i--, t >>= 5)
        out[i] = digits[t & 31];
    for (int i = 17; i >= 10; i--, a >>= 5)
        out[i] = digits[a & 31];
    for (int i = 25; i >= 18; i--, b >>= 5)
        out[i] = digits[b & 31];
    out[26] = '\0';
}

bool is_uuid(const char *s)
{
    size_t i = 0;
    for (; i < 36 && s[i] != '\0'; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return i == 36 && s[i] == '\0';
}

int64_t id_ms(const char *id)
{
    if (strlen(id) != ID_SIZE - 1 || strspn(id, digits) != ID_SIZE - 1)
        return -1;
    int64_t ms = 0;
    for (int i = 0; i < 10; i++) {
        ms = ms << 5 | (strchr(digits, id[i]) - digits);
    }
    return ms;
}

uint64_t id_random(void)
{
    uint64_t r;
    ssize_t n;
    while ((n = getrandom(&r, sizeof(r), 0)) < 0 && errno == EINTR) {
    }
    if (n != (ssize_t)sizeof(r))
        abort(); /* a kernel without it: ids could come twice */
    return r;
}

void id_process(char *out, size_t size)
{
    char host[64] = "host";
    (void)gethostname(host,
                      sizeof(host) -
                          1); /* a truncated or default name is still unique with pid and random */
    for (char *p = host; *p != '\0'; p++) {
        if (*p == ':' || *p == ' ')
            *p = '-';
    }
    (void)snprintf(out, size, "%s:%d:%06x", host, (int)getpid(),
                   (unsigned)(id_random() & 0xFFFFFF));
}

int id_partition(const char *key, size_t len, int partitions)
{
    return (int)(hash(3, key, len) % (uint64_t)partitions);
}

uint64_t id_hash(uint64_t seed, const char *p, size_t len)
{
    return hash(seed, p, len);
}
