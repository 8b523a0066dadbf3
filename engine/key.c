#include "key.h"

#include <stdio.h>

void key_prefix(int partition, char out[PREFIX_SIZE])
{
    (void)snprintf(out, PREFIX_SIZE, "{c%d}", partition);
}

char *key2(char out[KEY_SIZE], const char *prefix, const char *a)
{
    (void)snprintf(out, KEY_SIZE, "%s:%s", prefix, a);
    return out;
}

char *key3(char out[KEY_SIZE], const char *prefix, const char *a, const char *b)
{
    (void)snprintf(out, KEY_SIZE, "%s:%s:%s", prefix, a, b);
    return out;
}

char *key_worker(char out[KEY_SIZE], const char *id)
{
    return key3(out, "chronos", "worker", id);
}

char *key_scheduler(char out[KEY_SIZE], const char *id)
{
    return key3(out, "chronos", "scheduler", id);
}
