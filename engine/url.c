#include "url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <strings.h>

#include "http.h"

enum { MAX_BASES = 32, MAX_HOST = 254 };

struct place {
    char scheme[8];
    char host[MAX_HOST];
    long port;
    bool has_user;
};

static struct {
    char host[MAX_HOST];
    long port;
} bases[MAX_BASES];
static size_t n_bases;

static bool copy_part(CURLU *u, CURLUPart part, unsigned flags, char *out, size_t out_size)
{
    char *value = NULL;
    if (curl_url_get(u, part, &value, flags) != CURLUE_OK)
        return false;
    size_t n = strlen(value);
    bool fits = n < out_size;
    if (fits)
        for (size_t i = 0; i <= n; i++)
            out[i] = (char)tolower((unsigned char)value[i]);
    curl_free(value);
    return fits;
}

/* curl's own parser, so that what is checked is what will be requested. */
static bool parse(const char *url, struct place *ret)
{
    CURLU *u = curl_url();
    if (u == NULL)
        abort();
    char port[8];
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              copy_part(u, CURLUPART_SCHEME, 0, ret->scheme, sizeof(ret->scheme)) &&
              copy_part(u, CURLUPART_HOST, 0, ret->host, sizeof(ret->host)) &&
              copy_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port));
    if (ok) {
        ret->port = strtol(port, NULL, 10);
        char *value = NULL;
        ret->has_user = curl_url_get(u, CURLUPART_USER, &value, 0) == CURLUE_OK;
        curl_free(value);
        value = NULL;
        ret->has_user |= curl_url_get(u, CURLUPART_PASSWORD, &value, 0) == CURLUE_OK;
        curl_free(value);
    }
    curl_url_cleanup(u);
    return ok;
}

void http_trust_base(const char *base_url)
{
    struct place p = {0};
    if (base_url == NULL || *base_url == '\0' || n_bases == MAX_BASES || !parse(base_url, &p))
        return;
    memcpy(bases[n_bases].host, p.host, sizeof(p.host));
    bases[n_bases++].port = p.port;
}

static bool is_base(const struct place *p)
{
    for (size_t i = 0; i < n_bases; i++)
        if (bases[i].port == p->port && strcmp(bases[i].host, p->host) == 0)
            return true;
    return false;
}

bool url_is_trusted(const char *url)
{
    struct place p = {0};
    return parse(url, &p) && is_base(&p);
}

/* Anything a resolver would read as an address rather than a name, including 127.1 and 0x7f000001. */
static bool is_ip_literal(const char *host)
{
    struct in_addr a4;
    return host[0] == '[' || inet_aton(host, &a4) != 0;
}

static bool is_plain_name(const char *host)
{
    for (const char *p = host; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.' && *p != '_')
            return false;
    return *host != '\0';
}

static bool has_suffix(const char *host, const char *suffix)
{
    size_t n = strlen(host), m = strlen(suffix);
    return n >= m && strcasecmp(host + n - m, suffix) == 0 && (n == m || host[n - m - 1] == '.');
}

static bool host_allowed(const char *host, const char *const *allowed)
{
    for (; *allowed != NULL; allowed++)
        if (has_suffix(host, *allowed))
            return true;
    return false;
}

bool url_check(const char *url, bool untrusted, const char *const *allowed_hosts, struct err *e)
{
    struct place p = {0};
    if (!parse(url, &p))
        return err_set(e, ERR_PERMANENT, "not a URL that can be fetched");
    bool https = strcmp(p.scheme, "https") == 0;
    if (!https && strcmp(p.scheme, "http") != 0)
        return err_set(e, ERR_PERMANENT, "only http and https can be fetched, not %s", p.scheme);
    bool base = is_base(&p);
    if (allowed_hosts != NULL && !base && !host_allowed(p.host, allowed_hosts))
        return err_set(e, ERR_PERMANENT, "host %s does not belong to this service", p.host);
    if (!untrusted)
        return true;
    if (p.has_user)
        return err_set(e, ERR_PERMANENT, "a URL with a user name in it is refused");
    if (base)
        return true;
    if (!https)
        return err_set(e, ERR_PERMANENT, "host %s is only fetched over https", p.host);
    if (is_ip_literal(p.host) || !is_plain_name(p.host))
        return err_set(e, ERR_PERMANENT, "a URL must name a host, not an address");
    if (p.port != 443)
        return err_set(e, ERR_PERMANENT, "port %ld of host %s is refused", p.port, p.host);
    return true;
}

void url_place(const char *url, char *out, size_t out_size)
{
    CURLU *u = curl_url();
    if (u == NULL)
        abort();
    char *host = NULL, *path = NULL;
    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK)
        (void)snprintf(out, out_size, "%.100s%.100s", host, path);
    else
        (void)snprintf(out, out_size, "(unreadable URL)");
    for (char *c = out; *c != '\0'; c++) { /* the host comes decoded: %7f */
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = '_'; /* a ? would begin a query */
    }
    curl_free(host);
    curl_free(path);
    curl_url_cleanup(u);
}

struct range4 {
    uint32_t net;
    int bits;
};

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static bool is_public4(uint32_t ip)
{
    static const struct range4 closed[] = {
        {IP4(0, 0, 0, 0), 8},        {IP4(10, 0, 0, 0), 8},     {IP4(100, 64, 0, 0), 10},
        {IP4(127, 0, 0, 0), 8},      {IP4(169, 254, 0, 0), 16}, {IP4(172, 16, 0, 0), 12},
        {IP4(192, 0, 0, 0), 24},     {IP4(192, 0, 2, 0), 24},   {IP4(192, 88, 99, 0), 24},
        {IP4(192, 168, 0, 0), 16},   {IP4(198, 18, 0, 0), 15},  {IP4(198, 51, 100, 0), 24},
        {IP4(203, 0, 113, 0), 24},   {IP4(224, 0, 0, 0), 4},    {IP4(240, 0, 0, 0), 4},
        {IP4(168, 63, 129, 16), 32}, /* Azure's metadata and DNS, inside a public range */
    };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if ((ip ^ closed[i].net) >> (32 - closed[i].bits) == 0)
            return false;
    return true;
}

static uint32_t load4(const unsigned char *p)
{
    return IP4(p[0], p[1], p[2], p[3]);
}

/* Only global unicast, and of that not what carries an IPv4 address inside or is set apart. */
static bool is_public6(const unsigned char *a)
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, nat64, sizeof(nat64)) == 0) /* how an IPv6-only network reaches IPv4 */
        return is_public4(load4(a + 12));
    if ((a[0] & 0xe0) != 0x20)
        return false;
    uint32_t head = load4(a);
    bool special = head >> 9 == 0x20010000u >> 9; /* 2001::/23: Teredo and other protocols */
    bool documentation = head == 0x20010db8u || head >> 12 == 0x3fff0; /* and 3fff::/20 */
    bool six_to_four = head >> 16 == 0x2002;
    return !special && !documentation && !six_to_four;
}

bool address_is_public(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        return is_public6(in6.sin6_addr.s6_addr);
    }
    return false;
}

bool http_join(char *out, size_t out_size, const char *base, const char *path)
{
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    while (*path == '/')
        path++;
    int len = snprintf(out, out_size, "%.*s/%s", (int)n, base, path);
    return len >= 0 && (size_t)len < out_size;
}

bool http_encode(struct buf *out, const char *s, bool keep_slash)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        bool unreserved = isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
        bool ok = unreserved || (c == '/' && keep_slash) ? buf_addc(out, (char)c)
                                                         : buf_addf(out, "%%%02X", c);
        if (!ok)
            return false;
    }
    return true;
}
