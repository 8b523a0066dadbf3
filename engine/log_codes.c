#include "log_codes.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

static const struct row {
    const char *code, *msg;
} rows[] = {
#define CODE(code, msg) {code, msg},
#include "log_codes.inc"
#undef CODE
};

enum { BUCKETS = 1024 };
_Static_assert(ARRAY_LEN(rows) < BUCKETS / 2, "more buckets are needed");

static const struct row *buckets[BUCKETS];

static size_t bucket_of(const char *msg)
{
    uint32_t h = 2166136261u;
    for (; *msg != '\0'; msg++)
        h = (h ^ (unsigned char)*msg) * 16777619u;
    return h % BUCKETS;
}

static void fill(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t at = bucket_of(rows[i].msg);
        while (buckets[at] != NULL)
            at = (at + 1) % BUCKETS;
        buckets[at] = &rows[i];
    }
}

const char *log_code(const char *msg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fill);
    for (size_t at = bucket_of(msg); buckets[at] != NULL; at = (at + 1) % BUCKETS) {
        if (strcmp(buckets[at]->msg, msg) == 0)
            return buckets[at]->code;
    }
    return NULL;
}
