/* phrases.c: Loom's JSON transcripts: phrases with a start and no end. */
#include "caption_format.h"
#include "js.h"

/* The last phrase is taken to last this long. */
enum { LAST_MS = 3000 };

bool phrases_parse(const json_t *root, struct captions *ret, struct err *e)
{
    const json_t *phrases = json_object_get(root, "phrases");
    if (!json_is_array(phrases))
        return err_set(e, ERR_INPUT, "not a Loom transcript: it has no list of phrases");
    size_t i;
    json_t *phrase;
    json_array_foreach (phrases, i, phrase) {
        const json_t *value = json_object_get(phrase, "value");
        if (json_is_string(value))
            captions_add(ret, caption_ms_of_seconds(js_num(phrase, "ts", 0)), CAPTION_END_UNKNOWN,
                         json_string_value(value), json_string_length(value));
    }
    captions_fill_ends(ret, LAST_MS);
    return true;
}
