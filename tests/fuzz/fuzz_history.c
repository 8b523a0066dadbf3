/* fuzz_history.c: any fields as an entry of a history stream, which becomes rows of a COPY, and any line as the name of a
 * step that waits. The entry is written as in fuzz_event.c, without its first byte. */
#include <string.h>

#include "fuzz.h"
#include "scheduler/history_entry.h"
#include "scheduler/waiter.h"

/* Rows end with a line feed, or there is none; none is cut. */
static void check_lines(const struct buf *b)
{
    require(b->len == 0 || b->data[b->len - 1] == '\n');
}

static void check_waiter(const char *text)
{
    struct waiter w;
    char again[RUN_SIZE + STEP_SIZE + 16], root[ID_SIZE];
    if (!waiter_read(&w, text))
        return;
    (void)snprintf(again, sizeof(again), "%d\n%s\n%s", w.partition, w.run, w.step);
    require(w.partition >= 0 && strlen(w.run) < RUN_SIZE && strlen(w.step) < STEP_SIZE);
    struct waiter same;
    require(waiter_read(&same, again) && strcmp(same.run, w.run) == 0 &&
            strcmp(same.step, w.step) == 0 && same.partition == w.partition);
    run_root(w.run, root);
    require(strlen(root) < ID_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size}, all = in;
    auto_free char *text = input_text(&all);
    check_waiter(text);
    struct fields f;
    input_fields(&in, &f);
    const redisReply *kind = kv_field(&f.list, "kind");
    if (kind == NULL || strcmp(kind->str, "cancelled") != 0) { /* those ask Redis */
        redisReply *elements[] = {&f.entry};
        redisReply entries = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = elements};
        struct history_rows h;
        struct err e;
        history_rows_init(&h);
        require(history_rows_add(&h, NULL, "{c0}", &entries, &e));
        check_lines(&h.runs);
        check_lines(&h.steps);
        history_rows_release(&h);
    }
    (void)history_entry_ended(&f.entry);
    fields_release(&f);
    return 0;
}
