#include "log_fold.h"

#include <stdlib.h>
#include <string.h>

#include "compiler.h"

/* As many different lines as may repeat at the same time; more push the oldest out, with its count. */
enum { KEPT = 32 };

static struct kept {
    char *text; /* NULL = free */
    size_t len;
    int64_t since_ms; /* when it was written last */
    uint64_t count;   /* since then */
} kept[KEPT];

static void release(struct kept *k, log_fold_write write)
{
    if (k->count > 0)
        write(k->text, k->len, k->count);
    free(k->text);
    *k = (struct kept){0};
}

void log_fold_flush(int64_t now_ms, int64_t fold_ms, bool all, log_fold_write write)
{
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct kept *k = &kept[i];
        if (k->text == NULL || (!all && now_ms - k->since_ms < fold_ms))
            continue;
        if (all || k->count == 0) {
            release(k, write);
            continue;
        }
        write(k->text, k->len, k->count);
        k->count = 0;
        k->since_ms = now_ms;
    }
}

bool log_fold(const char *text, size_t len, int64_t now_ms, int64_t fold_ms, log_fold_write write)
{
    if (fold_ms <= 0)
        return false;
    log_fold_flush(now_ms, fold_ms, false, write);
    struct kept *place = &kept[0];
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct kept *k = &kept[i];
        if (k->text != NULL && k->len == len && memcmp(k->text, text, len) == 0) {
            k->count++;
            return true;
        }
        if (place->text != NULL && (k->text == NULL || k->since_ms < place->since_ms))
            place = k;
    }
    release(place, write);
    place->text = malloc(len);
    if (place->text == NULL)
        return false; /* it is written, and so is the next */
    memcpy(place->text, text, len);
    place->len = len;
    place->since_ms = now_ms;
    return false;
}
