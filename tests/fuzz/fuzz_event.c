/* fuzz_event.c: any fields as an entry of an event stream. The first byte chooses the public door ('0') or the engine's
 * own ('1'); the id comes first, then names and values, separated by 0x1F. */
#include <string.h>

#include "fuzz.h"
#include "js.h"
#include "scheduler/event.h"

enum { MAX_BYTES = 4096 };

static void check_event(struct event *ev)
{
    require(strlen(ev->id) == ID_SIZE - 1);
    if (event_is_outcome(ev))
        return;
    require_text(ev->name);
    require(ev->name[0] != '\0' && json_is_object(ev->data) && ev->data_len <= MAX_BYTES);
    require(ev->internal || (ev->ts_ms >= 0 && ev->received_ms >= 0));
    struct err e;
    size_t len;
    auto_free char *text = event_input(ev, &len);
    auto_json *again = js_parse_own(text, len, &e);
    auto_free char *input = js_dump(again, NULL), *seen = js_dump(event_json(ev), NULL);
    require(input != NULL && strcmp(input, seen) == 0); /* what a step sees and what is stored */
    (void)event_within(ev);
    /* what is normalised is left alone the next time */
    require(!event_normalise(ev->data));
}

/* Redis makes the ids of entries. */
static bool is_entry_id(const char *id)
{
    size_t ms = strspn(id, "0123456789");
    size_t sequence = id[ms] == '-' ? strspn(id + ms + 1, "0123456789") : 0;
    return ms > 0 && ms <= 15 && sequence > 0 && id[ms + 1 + sequence] == '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool internal = data[0] % 2 != 0;
    struct input in = {(const char *)data + 1, (const char *)data + size};
    struct fields f;
    input_fields(&in, &f);
    struct event ev;
    struct err e = {0};
    if (!is_entry_id(f.id.str)) {
        fields_release(&f);
        return 0;
    }
    if (event_read(&ev, &f.entry, internal ? "{c0}:events" : "chronos:events", internal, "epoch",
                   MAX_BYTES, &e)) {
        check_event(&ev);
    } else {
        require_error(&e, FAILS_AS(ERR_INPUT));
        require(ev.entry == &f.entry && ev.entry_id == f.id.str);
    }
    event_release(&ev);
    fields_release(&f);
    return 0;
}
