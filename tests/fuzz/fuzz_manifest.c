/* fuzz_manifest.c: any bytes as the manifest that a worker of another version published. */
#include <string.h>

#include "fuzz.h"
#include "js.h"
#include "manifest.h"

static void check_manifest(const struct manifest *m)
{
    require_text(m->id);
    require(m->id[0] != '\0' && m->key_count >= 1 && m->key_count <= MAX_KEYS);
    require(m->cancel_count >= 0 && m->cancel_count <= MAX_CANCELS);
    require(m->rate_limit.period_ms >= 0 && m->rate_limit.max >= 0);
    require(m->throttle.period_ms >= 0 && m->throttle.max >= 0 && m->throttle.burst >= 0);
    require(m->debounce.period_ms >= 0 && m->batch.timeout_ms >= 0 && m->batch.max_size >= 0);
    require(m->start_timeout_ms >= 0 && m->finish_timeout_ms >= 0);
    for (int i = 0; i < m->cancel_count; i++)
        require_text(m->cancel_on[i].event);
    for (int i = 0; m->triggers[i] != NULL; i++)
        require_text(m->triggers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct input in = {(const char *)data + 1, (const char *)data + size};
    auto_free char *text = input_text(&in);
    size_t len = strlen(text);
    struct err e = {0}, again = {0};
    struct manifest *m = manifest_parse(text, len, data[0] % 2 + 1, &e);
    if (m == NULL) {
        require_error(&e, FAILS_AS(ERR_INPUT) | FAILS_AS(ERR_RETRY));
        return 0;
    }
    check_manifest(m);
    /* what is kept for Postgres is the same function */
    struct manifest *kept = manifest_parse(m->json, strlen(m->json), data[0] % 2 + 1, &again);
    require(kept != NULL && strcmp(kept->json, m->json) == 0 && kept->version == m->version);
    manifest_free(kept);
    manifest_free(m);
    return 0;
}
