#include "kv_url.h"

#include <stdlib.h>
#include <string.h>

bool kv_address_equal(const struct kv_address *a, const struct kv_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static char *copy_part(const char *p, size_t n)
{
    char *s = n > 0 ? strndup(p, n) : NULL;
    if (n > 0 && s == NULL)
        abort();
    return s;
}

/* user:password@; returns what follows. */
static const char *parse_login(struct kv_url *u, const char *p)
{
    const char *at = strrchr(p, '@');
    if (at == NULL)
        return p;
    const char *colon = memchr(p, ':', (size_t)(at - p));
    const char *user_end = colon != NULL ? colon : at;
    u->user = copy_part(p, (size_t)(user_end - p));
    if (colon != NULL)
        u->password = copy_part(colon + 1, (size_t)(at - colon - 1));
    return at + 1;
}

/* host[:port]; *p is moved behind it. */
static bool parse_seed(struct kv_url *u, const char **p, struct err *e)
{
    size_t len = strcspn(*p, ":/,");
    if (len == 0 || len >= KV_HOST_SIZE)
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: no host");
    if (u->seed_count == KV_MAX_SEEDS)
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: at most %d hosts may be named",
                       KV_MAX_SEEDS);
    struct kv_address *seed = &u->seeds[u->seed_count++];
    memcpy(seed->host, *p, len);
    seed->host[len] = '\0';
    seed->port = 6379;
    *p += len;
    if (**p != ':')
        return true;
    char *end;
    long port = strtol(*p + 1, &end, 10);
    if (port < 1 || port > 65535)
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: the port must be from 1 to 65535");
    seed->port = (int)port;
    *p = end;
    return true;
}

static bool parse_db(struct kv_url *u, const char *p, struct err *e)
{
    char *end = (char *)p;
    if (*p == '/' && p[1] != '\0') {
        long db = strtol(p + 1, &end, 10);
        if (db < 0 || db > 1000000)
            return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: the database number is out of range");
        u->db = (int)db;
    } else if (*p == '/') {
        end++;
    }
    if (*end != '\0')
        return err_set(e, ERR_INPUT,
                       "CHRONOS_REDIS_URL: unreadable after the host; write redis://host:port/db, "
                       "or redis://host:port,host:port for a cluster");
    if (u->db != 0 && u->seed_count > 1)
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: a Redis Cluster has only database 0");
    return true;
}

static bool parse(struct kv_url *u, const char *text, struct err *e)
{
    static const char scheme[] = "redis://";
    if (strncmp(text, "rediss://", 9) == 0)
        return err_set(
            e, ERR_INPUT,
            "CHRONOS_REDIS_URL: rediss:// is not possible, as hiredis has no TLS here; use "
            "redis:// through a tunnel (stunnel; ops/deploy.md tells how)");
    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_REDIS_URL: must begin with redis://, as in redis://127.0.0.1:6379");
    const char *p = parse_login(u, text + sizeof(scheme) - 1);
    if (!parse_seed(u, &p, e))
        return false;
    while (*p == ',') {
        p++;
        if (!parse_seed(u, &p, e))
            return false;
    }
    return parse_db(u, p, e);
}

bool kv_url_parse(struct kv_url *u, const char *text, struct err *e)
{
    *u = (struct kv_url){0};
    if (parse(u, text, e))
        return true;
    kv_url_release(u);
    return false;
}

void kv_url_release(struct kv_url *u)
{
    free(u->user);
    if (u->password != NULL)
        explicit_bzero(u->password, strlen(u->password));
    free(u->password);
    *u = (struct kv_url){0};
}
