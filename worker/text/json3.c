/* json3.c: YouTube's JSON captions, a list of events in a window that scrolls. */
#include "caption_format.h"
#include "js.h"
#include "utf8.h"

/* The last event of a file without a duration is shown this long. */
enum { LAST_MS = 5000 };

static void read_text(const json_t *event, struct buf *out)
{
    size_t i;
    json_t *seg;
    json_array_foreach (json_object_get(event, "segs"), i, seg) {
        const json_t *piece = json_object_get(seg, "utf8");
        if (json_is_string(piece))
            text_put(out, json_string_value(piece), json_string_length(piece));
    }
}

/* Text that is appended to the window belongs to the caption shown there. Nearly always it is only the line feed
 * that scrolls the window, which is blank and left out before. */
static void append(struct open_caption *open, int64_t end_ms, const struct buf *text)
{
    text_put(&open->text, "\n", 1);
    text_put(&open->text, text->data, text->len);
    if (open->end_ms != CAPTION_END_UNKNOWN && end_ms > open->end_ms)
        open->end_ms = end_ms;
}

static void read_event(const json_t *event, struct open_caption *open, struct captions *ret)
{
    auto_buf text = BUF_INIT(SIZE_MAX / 2);
    read_text(event, &text);
    if (caption_is_blank(text.data, text.len))
        return;
    int64_t start = caption_clamp_ms(js_int(event, "tStartMs", 0));
    int64_t duration = caption_clamp_ms(js_int(event, "dDurationMs", -1));
    int64_t end = duration < 0 ? CAPTION_END_UNKNOWN : start + duration;
    if (open->is_open && js_int(event, "aAppend", 0) != 0) {
        append(open, end, &text);
        return;
    }
    open_caption_begin(open, ret, start, end);
    text_put(&open->text, text.data, text.len);
}

bool json3_parse(const json_t *root, struct captions *ret, struct err *e)
{
    const json_t *events = json_object_get(root, "events");
    if (!json_is_array(events))
        return err_set(e, ERR_INPUT, "not a json3 caption file: it has no list of events");
    struct open_caption open = OPEN_CAPTION;
    size_t i;
    json_t *event;
    json_array_foreach (events, i, event) {
        read_event(event, &open, ret);
    }
    open_caption_flush(&open, ret);
    buf_release(&open.text);
    captions_fill_ends(ret, LAST_MS);
    return true;
}
