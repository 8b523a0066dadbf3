#include "redis_check.h"

#include <stdlib.h>
#include <string.h>

/* The value of "name:" in an INFO text, into out. */
static void info_field(const char *info, const char *name, char *out, size_t size)
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

bool redis_check(struct kv *kv, double *ret_memory_share, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "INFO");
    if (r == NULL)
        return false;
    char value[64], used[64], most[64];
    info_field(r->str, "redis_version", value, sizeof(value));
    if (strtol(value, NULL, 10) < 7)
        return err_set(e, ERR_INPUT, "redis is version %s; 7.0 or newer is needed", value);
    info_field(r->str, "aof_enabled", value, sizeof(value));
    if (strcmp(value, "1") != 0)
        return err_set(
            e, ERR_INPUT,
            "redis keeps no append-only file: a restart would lose work; set appendonly yes");
    info_field(r->str, "maxmemory_policy", value, sizeof(value));
    if (strcmp(value, "noeviction") != 0)
        return err_set(e, ERR_INPUT,
                       "redis evicts keys when it is full (maxmemory-policy %s): it would delete "
                       "work; set noeviction",
                       value);
    info_field(r->str, "used_memory", used, sizeof(used));
    info_field(r->str, "maxmemory", most, sizeof(most));
    double limit = strtod(most, NULL);
    if (ret_memory_share != NULL)
        *ret_memory_share = limit > 0 ? strtod(used, NULL) / limit : 0;
    return true;
}
