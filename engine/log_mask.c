/* log_mask.c: strings that must never be printed. They are read by all threads and written by none: all are known before
 * threads exist. */
#include "log_mask.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { MIN_SECRET = 6, MAX_SECRETS = 128 };

static char *secrets[MAX_SECRETS];
static size_t secret_count;

void log_hide(const char *secret)
{
    if (secret == NULL || strlen(secret) < MIN_SECRET)
        return;
    for (size_t i = 0; i < secret_count; i++) {
        if (strcmp(secrets[i], secret) == 0)
            return;
    }
    if (secret_count == MAX_SECRETS)
        abort(); /* at start; more settings than that are ours to notice */
    secrets[secret_count] = strdup(secret);
    if (secrets[secret_count] == NULL)
        abort(); /* at start; rather no daemon than one that prints it */
    secret_count++;
}

size_t log_secret_at(const char *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < secret_count; i++) {
        if (*secrets[i] != *s)
            continue;
        size_t n = strlen(secrets[i]);
        if (n > longest && strncmp(s, secrets[i], n) == 0)
            longest = n;
    }
    return longest;
}

void log_mask(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        size_t n = log_secret_at(p);
        if (n == 0)
            continue;
        memcpy(p, "***", 3); /* a secret is longer */
        memmove(p + 3, p + n, strlen(p + n) + 1);
        p += 2;
    }
}
