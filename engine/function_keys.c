#include "function_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool is_plain_name(const char *s)
{
    if (s == NULL || *s == '\0' || strlen(s) > 64)
        return false;
    for (; *s != '\0'; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_' && *s != '.')
            return false;
    }
    return true;
}

/* Its number from 1; 0 for NULL, and for one that is not there. */
static int find(const struct function_keys *keys, const char *text)
{
    for (int i = 0; text != NULL && i < keys->count; i++) {
        if (strcmp(keys->texts[i], text) == 0)
            return i + 1;
    }
    return 0;
}

static bool add(struct function_keys *keys, const char *text)
{
    if (text == NULL || find(keys, text) > 0)
        return true;
    if (keys->count == MAX_KEYS)
        return false;
    keys->texts[keys->count++] = text;
    return true;
}

bool function_keys(const struct function *f, struct function_keys *ret)
{
    *ret = (struct function_keys){0};
    bool fits = add(ret, f->owner != NULL ? f->owner : DEFAULT_OWNER);
    for (int i = 0; i < function_limit_count(f); i++)
        fits = add(ret, f->limits[i].key) && fits;
    if (f->singleton.mode != SINGLETON_NONE)
        fits = add(ret, f->singleton.key) && fits;
    return fits;
}

int function_limit_count(const struct function *f)
{
    int n = 0;
    while (n < MAX_LIMITS && f->limits[n].max > 0)
        n++;
    return n;
}

void function_limit_setting(const struct function *f, int i, char out[LIMIT_NAME_SIZE])
{
    int number = 1; /* among the function's own */
    for (int k = 0; k < i; k++)
        number += f->limits[k].shared == NULL;
    if (f->limits[i].shared != NULL)
        (void)snprintf(out, LIMIT_NAME_SIZE, "%s", f->limits[i].shared);
    else if (number == 1)
        (void)snprintf(out, LIMIT_NAME_SIZE, "%s", f->id);
    else
        (void)snprintf(out, LIMIT_NAME_SIZE, "%s/%d", f->id, number);
}

static void add_part(char out[LIMIT_NAME_SIZE], const struct function_keys *keys, const char *key)
{
    int part = find(keys, key);
    size_t len = strlen(out);
    if (part == 1)
        (void)snprintf(out + len, LIMIT_NAME_SIZE - len, ":$");
    else if (part > 1)
        (void)snprintf(out + len, LIMIT_NAME_SIZE - len, ":$%d", part);
}

void function_limit_name(const struct function *f, int i, const struct function_keys *keys,
                         char out[LIMIT_NAME_SIZE])
{
    char setting[LIMIT_NAME_SIZE];
    function_limit_setting(f, i, setting);
    (void)snprintf(out, LIMIT_NAME_SIZE, "%s%s", f->limits[i].shared != NULL ? "" : "fn/", setting);
    add_part(out, keys, f->limits[i].key);
}

void function_singleton_name(const struct function *f, const struct function_keys *keys,
                             char out[LIMIT_NAME_SIZE])
{
    (void)snprintf(out, LIMIT_NAME_SIZE, "single/%s", f->id);
    add_part(out, keys, f->singleton.key);
}

bool function_has_paid_steps(const struct function *f)
{
    for (const struct step_def *d = f->steps; d->name != NULL; d++) {
        if (d->paid)
            return true;
    }
    return false;
}
