/* json3.c: YouTube's JSON captions, a list of events in a window that scrolls. */
#include "caption_format.h"
#include "json_reader.h"
#include "utf8.h"

/* The last event of a file without a duration is shown this long. */
enum { LAST_MS = 5000 };

struct event {
    int64_t start_ms;
    int64_t duration_ms; /* negative: not given */
    bool is_appended;
    struct buf text;
};

static void read_segment(struct json_reader *r, struct buf *out)
{
    struct json_text key, piece;
    const size_t before = out->len;
    if (!jr_open(r, '{')) {
        jr_skip(r);
        return;
    }
    while (jr_member(r, &key)) {
        if (!jr_is(&key, "utf8")) {
            jr_skip(r);
            continue;
        }
        buf_truncate(out, before); /* the last one of a name counts */
        if (jr_string(r, &piece))
            text_put(out, piece.p, piece.len);
        else
            jr_skip(r);
    }
}

static void read_segments(struct json_reader *r, struct buf *out)
{
    buf_clear(out);
    if (!jr_open(r, '[')) {
        jr_skip(r);
        return;
    }
    while (jr_item(r))
        read_segment(r, out);
}

/* What is no object is an event without text. */
static void read_event(struct json_reader *r, struct event *ret)
{
    struct json_text key;
    ret->start_ms = 0;
    ret->duration_ms = -1;
    ret->is_appended = false;
    buf_clear(&ret->text);
    if (!jr_open(r, '{')) {
        jr_skip(r);
        return;
    }
    while (jr_member(r, &key)) {
        if (jr_is(&key, "segs"))
            read_segments(r, &ret->text);
        else if (jr_is(&key, "tStartMs"))
            ret->start_ms = caption_clamp_ms(jr_whole(r, 0));
        else if (jr_is(&key, "dDurationMs"))
            ret->duration_ms = caption_clamp_ms(jr_whole(r, -1));
        else if (jr_is(&key, "aAppend"))
            ret->is_appended = jr_whole(r, 0) != 0;
        else
            jr_skip(r);
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

static void add_event(const struct event *event, struct open_caption *open, struct captions *ret)
{
    if (caption_is_blank(event->text.data, event->text.len))
        return;
    int64_t end =
        event->duration_ms < 0 ? CAPTION_END_UNKNOWN : event->start_ms + event->duration_ms;
    if (open->is_open && event->is_appended) {
        append(open, end, &event->text);
        return;
    }
    open_caption_begin(open, ret, event->start_ms, end);
    text_put(&open->text, event->text.data, event->text.len);
}

static bool read_events(struct json_reader *r, void *arg)
{
    struct captions *ret = arg;
    captions_release(ret); /* of a list of the same name before */
    if (!jr_open(r, '[')) {
        jr_skip(r);
        return false;
    }
    struct open_caption open = OPEN_CAPTION;
    struct event event = {.text = BUF_INIT(SIZE_MAX / 2)};
    while (jr_item(r)) {
        read_event(r, &event);
        add_event(&event, &open, ret);
    }
    open_caption_flush(&open, ret);
    buf_release(&open.text);
    buf_release(&event.text);
    return true;
}

bool json3_parse(const char *text, struct captions *ret, struct err *e)
{
    bool has_events;
    if (!jr_read(text, "events", read_events, ret, &has_events, e))
        return err_wrap(e, "the caption file");
    if (!has_events)
        return err_set(e, ERR_INPUT, "not a json3 caption file: it has no list of events");
    captions_fill_ends(ret, LAST_MS);
    return true;
}
