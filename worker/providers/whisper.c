/* whisper.c: one audio file to text through OpenAI's speech interface or a server that imitates it.
 *
 * Models invent text where there is silence and loop where there is noise; the numbers that come with each segment
 * tell, and such segments are dropped. Sound without speech is a valid, empty transcript: whether that is an error
 * is for the caller to say, who may hold other parts of the same recording. */
#include "provider.h"

#include <math.h>
#include <strings.h>
#include <sys/stat.h>

#include "answer.h"
#include "js.h"
#include "language.h"
#include "openai.h"
#include "usd.h"

enum {
    TIMEOUT_MS = 10 * 60 * 1000,
    MAX_FILE_BYTES =
        25000000, /* the service's limit of 26,214,400 counts the form around the file */
    URL_SIZE = 2048,
    MAX_REPEATS = 2, /* "No. No." is speech, ten of them are a loop */
};

static const char service[] = "whisper";

static const char *mime_type(const char *filename)
{
    static const struct {
        const char *extension;
        const char *type;
    } types[] = {
        {"ogg", "audio/ogg"},   {"oga", "audio/ogg"},   {"mp3", "audio/mpeg"},
        {"mpga", "audio/mpeg"}, {"wav", "audio/wav"},   {"m4a", "audio/mp4"},
        {"mp4", "video/mp4"},   {"mpeg", "video/mpeg"}, {"webm", "video/webm"},
        {"flac", "audio/flac"},
    };
    const char *dot = strrchr(filename, '.');
    for (size_t i = 0; dot != NULL && i < ARRAY_LEN(types); i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* The newer models answer plain JSON only, without segments. */
static bool knows_segments(const char *model)
{
    return strncmp(model, "gpt-4o", 6) != 0;
}

static bool check_file(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(e, ERR_RETRY, "%s: the audio file is not there", service);
    if (st.st_size > MAX_FILE_BYTES)
        return err_set(e, ERR_SPLIT, "%s: the audio file is larger than %d bytes", service,
                       MAX_FILE_BYTES);
    if (st.st_size == 0)
        return err_set(e, ERR_PERMANENT, "%s: the audio file is empty", service);
    return true;
}

static bool send_audio(struct http *h, const struct services *svc, const char *path,
                       const char *filename, const char *language, struct http_response *ret,
                       struct err *e)
{
    char url[URL_SIZE], bearer[BEARER_SIZE], code[8];
    if (!http_join(url, sizeof(url), svc->transcribe_url, "audio/transcriptions"))
        return err_set(e, ERR_STOP_PROVIDER, "%s: the configured URL is too long", service);
    if (!openai_bearer(svc->transcribe_key, bearer, service, e))
        return false;
    bool segments = knows_segments(svc->transcribe_model);
    struct http_header form[6];
    size_t n = 0;
    form[n++] = (struct http_header){"model", svc->transcribe_model};
    form[n++] = (struct http_header){"response_format", segments ? "verbose_json" : "json"};
    form[n++] = (struct http_header){"temperature", "0"};
    if (segments)
        form[n++] = (struct http_header){"timestamp_granularities[]", "segment"};
    if (language_primary(language, code, sizeof(code)))
        form[n++] = (struct http_header){"language", code};
    form[n] = (struct http_header){0};
    const struct http_header headers[] = {
        {*svc->transcribe_key != '\0' ? "Authorization" : NULL, bearer},
        {0},
    };
    struct http_request req = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .upload_path = path,
        .upload_filename = filename,
        .upload_mime_type = mime_type(filename),
        .form = form,
        .timeout_ms = TIMEOUT_MS,
        .service = service,
        .account = svc->transcribe_key,
    };
    bool ok = http_send(h, &req, ret, e);
    if (!ok)
        (void)err_wrap(e, "%s", service);
    return ok;
}

/* ---- segments ---- */

static bool is_invented(const json_t *segment)
{
    return js_num(segment, "no_speech_prob", 0) > 0.6 && js_num(segment, "avg_logprob", 0) < -1;
}

static bool is_loop(const json_t *segment)
{
    return js_num(segment, "compression_ratio", 0) > 2.4;
}

static int64_t to_ms(double seconds)
{
    const double week = 7 * 86400;
    return seconds >= 0 && seconds <= week ? (int64_t)llround(seconds * 1000) : -1;
}

/* False when the segments have no times at all (some servers): then the text counts as one piece. */
static bool add_segments(const json_t *segments, struct captions *c)
{
    const json_t *s;
    const char *previous = "";
    size_t i;
    int repeats = 0;
    json_array_foreach (segments, i, s) {
        const char *text = js_str(s, "text");
        int64_t start = to_ms(js_num(s, "start", -1)), end = to_ms(js_num(s, "end", -1));
        if (text == NULL)
            continue;
        if (start < 0 || end < 0)
            return false;
        repeats = strcmp(text, previous) == 0 ? repeats + 1 : 1;
        previous = text;
        if (is_invented(s) || repeats > (is_loop(s) ? 1 : MAX_REPEATS))
            continue;
        captions_add(c, start, end > start ? end : start, text, strlen(text));
    }
    return true;
}

static double duration_in(const json_t *answer)
{
    double seconds = js_num(answer, "duration", 0);
    if (seconds <= 0)
        seconds = js_num(answer, "usage.seconds", 0);
    const json_t *segments = js_get(answer, "segments");
    size_t n = json_array_size(segments);
    if (seconds <= 0 && n > 0)
        seconds = js_num(json_array_get(segments, n - 1), "end", 0);
    return seconds > 0 && isfinite(seconds) ? seconds : 0;
}

static void read_answer(const json_t *answer, const struct services *svc, const char *language,
                        struct transcript *t)
{
    const json_t *segments = js_get(answer, "segments");
    const char *text = js_str(answer, "text");
    t->duration_seconds = duration_in(answer);
    if (json_array_size(segments) == 0 || !add_segments(segments, &t->captions)) {
        captions_release(&t->captions);
        t->captions = (struct captions){0};
        if (text != NULL)
            captions_add(&t->captions, 0, to_ms(t->duration_seconds), text, strlen(text));
    }
    captions_finish(&t->captions, false);
    t->text = captions_text(&t->captions);
    if (!language_code(js_str(answer, "language"), t->language, sizeof(t->language)))
        copy_plain(t->language, sizeof(t->language), language != NULL ? language : "");
    t->cost_usd = t->due_usd = usd_round(t->duration_seconds / 60 * svc->transcribe_usd_per_minute);
    t->method = "whisper";
}

/* A tail of less than a tenth of a second is refused, and holds no word. */
static bool is_too_short(const struct http_response *r)
{
    struct err ignored;
    auto_json *j = r->status == 400 ? answer_object(r, service, &ignored) : NULL;
    const char *code = js_str(j, "error.code");
    return (code != NULL && strcmp(code, "audio_too_short") == 0) ||
           TEXT_HAS(js_str(j, "error.message"), "minimum audio length");
}

bool whisper_transcribe(struct http *h, const struct services *svc, const char *path,
                        const char *filename, const char *language, struct transcript *ret,
                        struct err *e)
{
    struct http_response r = {0};
    if (!check_file(path, e) || !send_audio(h, svc, path, filename, language, &r, e))
        return false;
    struct transcript t = {0};
    bool ok = false;
    if (is_too_short(&r)) {
        auto_json *nothing = json_object();
        read_answer(nothing, svc, language, &t);
        ok = true;
    } else if (!answer_is_ok(&r)) {
        (void)openai_err(&r, service, e);
    } else {
        auto_json *answer = answer_object(&r, service, e);
        const json_t *text = js_get(answer, "text");
        if (answer != NULL && !json_is_string(text) && !json_is_array(js_get(answer, "segments"))) {
            (void)err_set(e, ERR_RETRY, "%s: unreadable answer: no text", service);
        } else if (answer != NULL) {
            read_answer(answer, svc, language, &t);
            ok = true;
        }
    }
    http_response_release(&r);
    if (ok) {
        http_charge(h, t.cost_usd);
        *ret = t;
    }
    return ok;
}
