#include "waiter.h"

#include <stdlib.h>
#include <string.h>

#include "awaited.h"
#include "clock.h"
#include "js.h"
#include "key.h"

enum { BODY_MAX_BYTES = 512u << 20 };

/* The line up to the next '\n' or the end, if it fits; what follows it, or NULL. */
static const char *take_line(const char *text, char *out, size_t size)
{
    size_t len = strcspn(text, "\n");
    if (len == 0 || len >= size)
        return NULL;
    memcpy(out, text, len);
    out[len] = '\0';
    return text[len] == '\n' ? text + len + 1 : text + len;
}

bool waiter_read(struct waiter *w, const char *text)
{
    char partition[8], *end, root[ID_SIZE];
    text = take_line(text, partition, sizeof(partition));
    text = text != NULL ? take_line(text, w->run, sizeof(w->run)) : NULL;
    text = text != NULL ? take_line(text, w->step, sizeof(w->step)) : NULL;
    if (text == NULL || *text != '\0')
        return false;
    w->partition = (int)strtol(partition, &end, 10);
    run_root(w->run, root);
    return *end == '\0' && w->partition >= 0 && id_ms(root) >= 0;
}

void run_root(const char *run, char out[ID_SIZE])
{
    size_t len = strcspn(run, ".");
    (void)snprintf(out, ID_SIZE, "%.*s", (int)len, run);
}

static bool resume(struct kv *kv, const struct waiter *w, const char *kind, const char *json,
                   const struct awaited *row, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(w->partition, prefix);
    auto_buf body = BUF_INIT(BODY_MAX_BYTES);
    if (!awaited_line(&body, row))
        return err_set(e, ERR_BUG, "the outcome for step %s of run %s is too large", w->step,
                       w->run);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, w->run);
    kv_adds(&a, w->step);
    kv_adds(&a, kind);
    kv_adds(&a, json);
    kv_add(&a, body.data, body.len);
    auto_reply *r = kv_script(kv, "resume_run", prefix, &a, e);
    kv_args_release(&a);
    return r != NULL;
}

bool waiter_give(struct kv *kv, const struct waiter *w, const char *output, struct err *e)
{
    struct awaited row = {.run = w->run, .step = w->step, .result = output, .at_ms = wall_ms()};
    return resume(kv, w, "ok", output, &row, e);
}

bool waiter_fail(struct kv *kv, const struct waiter *w, const char *error, struct err *e)
{
    struct awaited row = {.run = w->run, .step = w->step, .error = error, .at_ms = wall_ms()};
    return resume(kv, w, "error", error, &row, e);
}

bool waiter_refuse(struct kv *kv, const struct waiter *w, const char *name, const char *message,
                   struct err *e)
{
    auto_json *error = js_pack("{s:s, s:s}", "name", name, "message", message);
    if (error == NULL)
        return err_set(e, ERR_BUG, "an error for step %s of run %s is no text", w->step, w->run);
    auto_free char *text = js_dump(error, NULL);
    return waiter_fail(kv, w, text, e);
}
