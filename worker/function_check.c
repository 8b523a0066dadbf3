#include "function_check.h"

#include <stdio.h>
#include <string.h>

#include "err.h"
#include "log.h"
#include "manifest.h"
#include "registry.h"

static bool is_limit(const char *name)
{
    char setting[LIMIT_NAME_SIZE];
    for (size_t f = 0; f < registry_count(); f++) {
        const struct function *fn = registry_at(f);
        for (int i = 0; i < function_limit_count(fn); i++) {
            function_limit_setting(fn, i, setting);
            if (strcmp(setting, name) == 0)
                return true;
        }
    }
    return false;
}

void function_check_limits(const char *limits)
{
    for (const char *p = limits; *p != '\0';) {
        size_t len = strcspn(p, "=");
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, p);
        if (!is_limit(name))
            log_warn("CHRONOS_LIMITS names a limit that no function here has", "name", name,
                     LOG_END);
        p += strcspn(p, ",");
        if (*p == ',')
            p++;
    }
}

/* The one before it that has the same id, NULL when there is none. */
static const struct function *namesake(size_t at)
{
    for (size_t f = 0; f < at; f++) {
        if (strcmp(registry_at(f)->id, registry_at(at)->id) == 0)
            return registry_at(f);
    }
    return NULL;
}

bool function_check_all(void)
{
    bool ok = true;
    for (size_t f = 0; f < registry_count(); f++) {
        struct err e;
        bool fine = manifest_check(registry_at(f), &e);
        if (fine && namesake(f) != NULL)
            fine = err_set(&e, ERR_BUG, "function %s: another file has the same id",
                           registry_at(f)->id);
        if (fine)
            continue;
        log_error("a function's definition is wrong", "error", e.msg, LOG_END);
        ok = false;
    }
    return ok;
}
