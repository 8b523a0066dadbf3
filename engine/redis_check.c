#include "redis_check.h"

#include <stdlib.h>
#include <string.h>

void redis_info_field(const char *info, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    size_t len = strlen(name);
    for (const char *p = info; (p = strstr(p, name)) != NULL; p += len) {
        if ((p == info || p[-1] == '\n') && p[len] == ':') {
            size_t n = strcspn(p + len + 1, "\r\n");
            (void)snprintf(out, size, "%.*s", (int)n, p + len + 1);
            return;
        }
    }
}

double redis_info_number(const char *info, const char *name)
{
    char value[64];
    redis_info_field(info, name, value, sizeof(value));
    return strtod(value, NULL);
}

static bool check_info(const char *info, double *ret_share, struct err *e)
{
    char value[64];
    redis_info_field(info, "redis_version", value, sizeof(value));
    if (strtol(value, NULL, 10) < 7)
        return err_set(e, ERR_INPUT, "redis is version %s; 7.0 or newer is needed", value);
    redis_info_field(info, "aof_enabled", value, sizeof(value));
    if (strcmp(value, "1") != 0)
        return err_set(
            e, ERR_INPUT,
            "redis keeps no append-only file: a restart would lose work; set appendonly yes");
    redis_info_field(info, "maxmemory_policy", value, sizeof(value));
    if (strcmp(value, "noeviction") != 0)
        return err_set(e, ERR_INPUT,
                       "redis evicts keys when it is full (maxmemory-policy %s): it would delete "
                       "work; set noeviction",
                       value);
    double limit = redis_info_number(info, "maxmemory");
    *ret_share = limit > 0 ? redis_info_number(info, "used_memory") / limit : 0;
    return true;
}

bool redis_check(struct kv *kv, double *ret_memory_share, struct err *e)
{
    int servers;
    double most = 0;
    if (!kv_servers(kv, &servers, e))
        return false;
    for (int i = 0; i < servers; i++) {
        double share = 0;
        auto_reply *r = kv_cmd_at(kv, i, e, "INFO");
        if (r == NULL || !check_info(r->str, &share, e))
            return false;
        most = share > most ? share : most;
    }
    if (ret_memory_share != NULL)
        *ret_memory_share = most;
    return true;
}
