#include "script.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

static struct script scripts[] = {

#include "lua.inc"
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards every sha */

struct script *script_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(scripts[i].name, name) == 0)
            return &scripts[i];
    }
    abort();
}

bool script_sha(struct script *s, char out[SHA_SIZE])
{
    (void)pthread_mutex_lock(&lock);
    memcpy(out, s->sha, SHA_SIZE);
    (void)pthread_mutex_unlock(&lock);
    return out[0] != '\0';
}

void script_set_sha(struct script *s, const char *sha)
{
    (void)pthread_mutex_lock(&lock);
    memcpy(s->sha, sha, SHA_SIZE - 1);
    s->sha[SHA_SIZE - 1] = '\0';
    (void)pthread_mutex_unlock(&lock);
}
