/* provider_probe.c: one call of one provider's client, its outcome as JSON; for the tests beside it.
 *
 *   provider_probe youtube VIDEO [LANGUAGE]        loom VIDEO        mux PLAYBACK [ASSET [LANGUAGE]]
 *   provider_probe whop LESSON                     whop-captions LESSON [LANGUAGE]
 *   provider_probe reasons all                     the table of reason.h
 *   provider_probe mux-audio PLAYBACK [ASSET]      storage BUCKET PATH MAX_BYTES      fetch URL MAX_BYTES
 *   provider_probe whisper FILE [LANGUAGE]         embed TEXT…
 *   storage-put BUCKET PATH FILE                   storage-stream BUCKET PATH BYTES [BREAKS]
 *   storage-delete BUCKET PATH…                    storage-sign BUCKET PATH SECONDS [NAME]
 *
 * Settings come from the environment as for the worker. PROBE_CANCEL_MS cancels the call after that time. */
#include <stdio.h>
#include <sys/stat.h>

#include "clock.h"
#include "conf.h"
#include "hash_embedder.h"
#include "js.h"
#include "provider.h"
#include "reason.h"
#include "storage.h"
#include "whop.h"
#include "youtube_clients.h"

enum { MAX_TEXTS = 64 };

static struct http *http;
static const struct services *svc;
static char **args; /* what follows the name of the call; ends with NULL */

static const char *arg(int i)
{
    for (int k = 0; k <= i; k++)
        if (args[k] == NULL)
            return NULL;
    return args[i][0] != '\0' ? args[i] : NULL;
}

static json_t *transcript_json(struct transcript *t)
{
    json_t *j = js_pack("{s:s s:o s:s s:f s:f s:s}", "text", t->text, "captions",
                        captions_to_json(&t->captions), "language", t->language, "duration",
                        t->duration_seconds, "cost", t->cost_usd, "method", t->method);
    if (t->title != NULL)
        (void)json_object_set_new(j, "title", json_string(t->title));
    transcript_release(t);
    return j;
}

static json_t *youtube(struct err *e)
{
    struct transcript t;
    return youtube_transcript(http, svc, arg(0), arg(1), &t, e) ? transcript_json(&t) : NULL;
}

static json_t *loom(struct err *e)
{
    struct transcript t;
    return loom_transcript(http, svc, arg(0), &t, e) ? transcript_json(&t) : NULL;
}

static json_t *mux(struct err *e)
{
    struct transcript t;
    return mux_transcript(http, svc, arg(0), arg(1), arg(2), &t, e) ? transcript_json(&t) : NULL;
}

static json_t *mux_audio(struct err *e)
{
    char url[2048];
    return mux_audio_url(http, svc, arg(0), arg(1), url, sizeof(url), e)
               ? js_pack("{s:s}", "url", url)
               : NULL;
}

static json_t *whop(struct err *e)
{
    static const char *const kinds[] = {"youtube", "loom", "mux"};
    struct lesson l;
    if (!whop_lesson(http, svc, arg(0), &l, e))
        return NULL;
    json_t *j =
        js_pack("{s:s s:s s:f}", "kind", kinds[l.kind], "id", l.id, "duration", l.duration_seconds);
    lesson_release(&l);
    return j;
}

static json_t *whop_captions(struct err *e)
{
    struct lesson l;
    struct transcript t;
    if (!whop_lesson(http, svc, arg(0), &l, e))
        return NULL;
    bool ok = whop_transcript(http, svc, &l, arg(1), &t, e);
    lesson_release(&l);
    return ok ? transcript_json(&t) : NULL;
}

static json_t *file_json(bool ok, FILE *f)
{
    struct stat st;
    json_t *j =
        ok && fstat(fileno(f), &st) == 0 ? js_pack("{s:I}", "bytes", (json_int_t)st.st_size) : NULL;
    (void)fclose(f);
    return j;
}

static json_t *storage(struct err *e)
{
    FILE *f = tmpfile();
    return file_json(
        storage_get(http, svc, arg(0), arg(1), fileno(f), strtoul(arg(2), NULL, 10), e), f);
}

static json_t *storage_put_call(struct err *e)
{
    return storage_put_file(http, svc, arg(0), arg(1), "text/csv", arg(2), e) ? json_true() : NULL;
}

/* `left` bytes of x, then the end, or a failure. */
struct stream {
    size_t left;
    bool breaks;
};

static ssize_t read_stream(void *of, void *p, size_t n, struct err *e)
{
    struct stream *s = of;
    if (s->left == 0 && s->breaks)
        return err_set(e, ERR_POSTGRES, "the rows broke off") ? 0 : -1;
    n = n < s->left ? n : s->left;
    memset(p, 'x', n);
    s->left -= n;
    return (ssize_t)n;
}

static json_t *storage_stream(struct err *e)
{
    struct stream s = {.left = strtoul(arg(2), NULL, 10), .breaks = arg(3) != NULL};
    struct storage_source from = {.read = read_stream, .arg = &s, .size = -1};
    return storage_put(http, svc, arg(0), arg(1), "text/csv", &from, e) ? json_true() : NULL;
}

static json_t *storage_delete_call(struct err *e)
{
    size_t n = 0, deleted;
    while (args[n + 1] != NULL)
        n++;
    return storage_delete(http, svc, arg(0), (const char *const *)args + 1, n, &deleted, e)
               ? js_pack("{s:I}", "deleted", (json_int_t)deleted)
               : NULL;
}

static json_t *storage_sign_call(struct err *e)
{
    char url[STORAGE_URL_SIZE];
    return storage_sign(http, svc, arg(0), arg(1), strtol(arg(2), NULL, 10), arg(3), url, e)
               ? js_pack("{s:s}", "url", url)
               : NULL;
}

static json_t *fetch(struct err *e)
{
    FILE *f = tmpfile();
    return file_json(fetch_url(http, arg(0), fileno(f), strtoul(arg(1), NULL, 10), e), f);
}

static json_t *whisper(struct err *e)
{
    struct transcript t;
    const char *name = strrchr(arg(0), '/');
    name = name != NULL ? name + 1 : arg(0);
    return whisper_transcribe(http, svc, arg(0), name, arg(1), &t, e) ? transcript_json(&t) : NULL;
}

static json_t *embed(struct err *e)
{
    static float out[MAX_TEXTS * EMBED_DIMENSIONS];
    size_t n = 0;
    long tokens;
    double cost;
    char model[128];
    while (n < MAX_TEXTS && args[n] != NULL)
        n++;
    if (!embed_texts(http, svc, (const char *const *)args, n, out, &tokens, &cost, model,
                     sizeof(model), e))
        return NULL;
    json_t *heads = json_array(); /* enough of each vector to tell them apart */
    for (size_t i = 0; i < n; i++) {
        json_t *head = json_array();
        for (size_t k = 0; k < 16; k++)
            (void)json_array_append_new(head, json_real((double)out[i * EMBED_DIMENSIONS + k]));
        (void)json_array_append_new(heads, head);
    }
    return js_pack("{s:o s:I s:f s:s}", "vectors", heads, "tokens", (json_int_t)tokens, "cost",
                   cost, "model", model);
}

static json_t *reasons(struct err *e)
{
    (void)e;
    json_t *all = json_array();
    for (int r = 0; r < REASON_COUNT; r++)
        (void)json_array_append_new(all,
                                    js_pack("{s:s s:s s:s}", "name", reason_name(r), "class",
                                            err_name(reason_class(r)), "text", reason_text(r)));
    return all;
}

static const struct {
    const char *name;
    json_t *(*run)(struct err *e);
} calls[] = {
    {"reasons", reasons},
    {"youtube", youtube},
    {"loom", loom},
    {"mux", mux},
    {"mux-audio", mux_audio},
    {"whop", whop},
    {"whop-captions", whop_captions},
    {"storage", storage},
    {"fetch", fetch},
    {"whisper", whisper},
    {"embed", embed},
    {"storage-put", storage_put_call},
    {"storage-stream", storage_stream},
    {"storage-delete", storage_delete_call},
    {"storage-sign", storage_sign_call},
};

static bool is_over(void *until)
{
    return mono_ms() >= *(int64_t *)until;
}

static void print(json_t *j)
{
    auto_free char *text = js_dump(j, NULL);
    (void)puts(text);
    json_decref(j);
}

static int run(const char *name)
{
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(calls[i].name, name) != 0)
            continue;
        json_t *result = calls[i].run(&e);
        print(result != NULL
                  ? js_pack("{s:b s:o}", "ok", 1, "result", result)
                  : js_pack("{s:b s:s s:I s:s}", "ok", 0, "code", err_name(e.code),
                            "retry_after_ms", (json_int_t)e.retry_after_ms, "message", e.msg));
        return 0;
    }
    return 2;
}

int main(int argc, char **argv)
{
    static struct conf c; /* its strings live as long as the process */
    struct err e;
    if (argc < 3 || !conf_load(&c, CONF_WORKER, &e) ||
        !youtube_clients_load(c.services.youtube_clients, &e)) {
        (void)fprintf(stderr, "%s\n", argc < 3 ? "usage: provider_probe CALL ARGUMENT…" : e.msg);
        return 2;
    }
    svc = &c.services;
    args = argv + 2;
    const char *const bases[] = {svc->youtube_url,    svc->loom_url, svc->mux_url,
                                 svc->mux_stream_url, svc->whop_url, svc->storage_url,
                                 svc->transcribe_url, svc->embed_url};
    for (size_t i = 0; i < ARRAY_LEN(bases) && getenv("PROBE_TRUST_NOTHING") == NULL; i++)
        http_trust_base(bases[i]);
    const char *cancel = getenv("PROBE_CANCEL_MS");
    int64_t until = mono_ms() + (cancel != NULL ? strtol(cancel, NULL, 10) : 0);
    http = http_new();
    if (cancel != NULL)
        http_set_cancel(http, is_over, &until);
    int status = run(argv[1]);
    http_free(http);
    return status;
}
