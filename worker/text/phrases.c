/* phrases.c: Loom's JSON transcripts: phrases with a start and no end. */
#include "caption_format.h"
#include "json_reader.h"
#include "utf8.h"

/* The last phrase is taken to last this long. */
enum { LAST_MS = 3000 };

static void read_phrase(struct json_reader *r, struct buf *text, struct captions *ret)
{
    struct json_text key, value;
    double seconds = 0;
    buf_clear(text);
    if (!jr_open(r, '{')) {
        jr_skip(r);
        return;
    }
    while (jr_member(r, &key)) {
        if (jr_is(&key, "ts")) {
            seconds = jr_real(r, 0);
        } else if (jr_is(&key, "value")) {
            buf_clear(text); /* the last one of a name counts */
            if (jr_string(r, &value))
                text_put(text, value.p, value.len);
            else
                jr_skip(r);
        } else {
            jr_skip(r);
        }
    }
    captions_add(ret, caption_ms_of_seconds(seconds), CAPTION_END_UNKNOWN, text->data, text->len);
}

static bool read_phrases(struct json_reader *r, void *arg)
{
    struct captions *ret = arg;
    captions_release(ret); /* of a list of the same name before */
    if (!jr_open(r, '[')) {
        jr_skip(r);
        return false;
    }
    auto_buf text = BUF_INIT(SIZE_MAX / 2);
    while (jr_item(r))
        read_phrase(r, &text, ret);
    return true;
}

bool phrases_parse(const char *text, struct captions *ret, struct err *e)
{
    bool has_phrases;
    if (!jr_read(text, "phrases", read_phrases, ret, &has_phrases, e))
        return err_wrap(e, "the caption file");
    if (!has_phrases)
        return err_set(e, ERR_INPUT, "not a Loom transcript: it has no list of phrases");
    captions_fill_ends(ret, LAST_MS);
    return true;
}

bool phrases_sniff(const char *text)
{
    struct json_reader r = JSON_READER(text);
    struct json_text key;
    bool found = false;
    if (jr_open(&r, '{'))
        while (!found && jr_member(&r, &key)) {
            found = jr_is(&key, "phrases");
            jr_skip(&r);
        }
    buf_release(&r.unescaped);
    return found;
}
