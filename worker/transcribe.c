#include "transcribe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "chunker.h"
#include "clock.h"
#include "js.h"
#include "storage.h"
#include "workdir.h"

static const char BUCKET[] = "videos";

/* What the bucket accepts; also a bound on what one step may put on the worker's disk. */
static const size_t MAX_FILE_BYTES = (size_t)5 << 30;
enum { MAX_PARTS = 512, MAX_TEXT_BYTES = 64 << 20 };

bool transcribe_language(const json_t *data, const char **ret, struct err *e)
{
    const json_t *v = js_get(data, "language");
    const char *s = json_string_value(v);
    *ret = NULL;
    if (v == NULL || (s != NULL && *s == '\0'))
        return true;
    size_t n = 0;
    while (s != NULL && (isalnum((unsigned char)s[n]) || s[n] == '-'))
        n++;
    if (n < 2 || n > 15 || s[n] != '\0')
        return err_set(e, ERR_INPUT, "language is not a language code like \"en\" or \"pt-BR\"");
    *ret = s;
    return true;
}

/* ---- a folder of our own for one file and its parts ---- */

struct workspace {
    struct workdir dir;
    char input[PATH_MAX + 16];
    int fd; /* of input, open for writing; -1 when closed */
};

static bool local_failure(const char *what, struct err *e)
{
    /* a full or read-only disk is the worker's trouble, not the video's */
    return err_set(e, ERR_UNAVAILABLE, "worker: cannot %s: %s", what, strerror(errno));
}

static bool workspace_open(struct workspace *w, const struct services *svc, struct err *e)
{
    if (!workdir_open(&w->dir, svc->work_dir, e))
        return false;
    (void)snprintf(w->input, sizeof(w->input), "%s/input", w->dir.path);
    w->fd = open(w->input, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        (void)local_failure("make a work file", e);
        workdir_release(&w->dir);
        return false;
    }
    return true;
}

/* The whole file must be on disk before anybody reads it. */
static bool workspace_close_file(struct workspace *w, struct err *e)
{
    int fd = w->fd;
    w->fd = -1;
    return close(fd) == 0 || local_failure("write the downloaded file", e);
}

static void workspace_release(struct workspace *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    workdir_release(&w->dir);
}

/* ---- a file to text ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* What is known so far; grows part by part. */
struct joined {
    struct transcript t;
    struct buf text;
};

static bool add_part(struct joined *j, const struct transcript *part, double offset_seconds,
                     struct err *e)
{
    int64_t offset_ms = (int64_t)(offset_seconds * 1000 + 0.5);
    for (size_t i = 0; i < part->captions.len; i++) {
        const struct caption *c = &part->captions.items[i];
        captions_add(&j->t.captions, c->start_ms + offset_ms, c->end_ms + offset_ms, c->text,
                     strlen(c->text));
    }
    const char *text = part->text != NULL ? part->text : "";
    bool ok = *text == '\0' ||
              ((j->text.len == 0 || buf_addc(&j->text, ' ')) && buf_adds(&j->text, text));
    if (!ok)
        return err_set(e, ERR_PERMANENT, "the transcript is longer than %d MB",
                       MAX_TEXT_BYTES >> 20);
    if (j->t.language[0] == '\0')
        memcpy(j->t.language, part->language, sizeof(j->t.language));
    j->t.cost_usd += part->cost_usd;
    j->t.method = part->method;
    return true;
}

static bool recognise_part(const struct transcriber *t, const struct audio_part *part,
                           struct joined *j, struct err *e)
{
    if (t->is_cancelled(t->arg))
        return err_set(e, ERR_STOPPING, "the step was cancelled");
    struct transcript one = {0};
    /* each part's language is heard anew: music at the start must not decide for the rest */
    if (!whisper_transcribe(t->http, t->services, part->path, base_name(part->path), t->language,
                            &one, e))
        return false;
    bool ok = add_part(j, &one, part->start_seconds, e);
    transcript_release(&one);
    return ok;
}

static bool transcribe_file(const struct transcriber *t, const struct workspace *w,
                            struct transcript *ret, struct err *e)
{
    auto_free struct audio_part *parts = calloc(MAX_PARTS, sizeof(*parts));
    if (parts == NULL)
        abort();
    size_t count;
    double duration;
    if (!audio_split(t->services, w->input, w->dir.path, parts, MAX_PARTS, &count, &duration,
                     t->is_cancelled, t->arg, e))
        return false;
    struct joined j = {.t = {.method = "whisper"}, .text = BUF_INIT(MAX_TEXT_BYTES)};
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = recognise_part(t, &parts[i], &j, e);
    if (!ok) {
        buf_release(&j.text);
        transcript_release(&j.t);
        return false;
    }
    captions_finish(&j.t.captions, false);
    j.t.text = j.text.len > 0 ? buf_take(&j.text) : NULL;
    j.t.duration_seconds = duration;
    *ret = j.t;
    return true;
}

bool transcribe_upload(const struct transcriber *t, const char *storage_path,
                       struct transcript *ret, struct err *e)
{
    struct workspace w = {.fd = -1};
    if (!workspace_open(&w, t->services, e))
        return false;
    bool ok = storage_get(t->http, t->services, BUCKET, storage_path, w.fd, MAX_FILE_BYTES, e) &&
              workspace_close_file(&w, e) && transcribe_file(t, &w, ret, e);
    workspace_release(&w);
    return ok;
}

static bool transcribe_url(const struct transcriber *t, const char *url, struct transcript *ret,
                           struct err *e)
{
    struct workspace w = {.fd = -1};
    if (!workspace_open(&w, t->services, e))
        return false;
    bool ok = fetch_url(t->http, url, w.fd, MAX_FILE_BYTES, e) && workspace_close_file(&w, e) &&
              transcribe_file(t, &w, ret, e);
    workspace_release(&w);
    return ok;
}

/* ---- by source ---- */

typedef bool (*source_fn)(const struct transcriber *t, const struct video *v,
                          struct transcript *ret, struct err *e);

static bool from_youtube(const struct transcriber *t, const struct video *v, struct transcript *ret,
                         struct err *e)
{
    char id[12];
    const char *video = NULL;
    if (v->url != NULL && youtube_video_id(v->url, id))
        video = v->url;
    else if (v->youtube_video_id != NULL)
        video = v->youtube_video_id;
    if (video == NULL)
        return err_set(e, ERR_PERMANENT,
                       "the video has neither a YouTube address nor a YouTube id");
    return youtube_transcript(t->http, t->services, video, t->language, ret, e);
}

static bool from_loom(const struct transcriber *t, const struct video *v, struct transcript *ret,
                      struct err *e)
{
    /* lessons with a player of another service are imported under this source, too */
    if (v->embed_type != NULL && strcmp(v->embed_type, "loom") != 0)
        return err_set(e, ERR_PERMANENT, "transcripts of embedded %.20s videos are not supported",
                       v->embed_type);
    char id[33];
    const char *video = NULL;
    if (v->url != NULL && loom_video_id(v->url, id))
        video = v->url;
    else if (v->embed_id != NULL)
        video = v->embed_id;
    if (video == NULL)
        return err_set(e, ERR_PERMANENT, "the video has neither a Loom address nor a Loom id");
    return loom_transcript(t->http, t->services, video, ret, e);
}

static bool from_mux(const struct transcriber *t, const struct video *v, struct transcript *ret,
                     struct err *e)
{
    if (v->mux_playback_id == NULL)
        return err_set(e, ERR_PERMANENT, "the video has no Mux playback id");
    if (mux_transcript(t->http, t->services, v->mux_playback_id, v->mux_asset_id, t->language, ret,
                       e))
        return true;
    if (e->code != ERR_NEXT_SOURCE)
        return false;
    char url[2048];
    if (mux_audio_url(t->http, t->services, v->mux_playback_id, v->mux_asset_id, url, sizeof(url),
                      e))
        return transcribe_url(t, url, ret, e);
    if (e->code == ERR_NEXT_SOURCE || e->code == ERR_PERMANENT)
        return err_wrap(e, "mux has no captions for the video and no sound to transcribe");
    return false;
}

static bool from_upload(const struct transcriber *t, const struct video *v, struct transcript *ret,
                        struct err *e)
{
    if (v->storage_path == NULL || *v->storage_path == '\0')
        return err_set(e, ERR_PERMANENT, "the video has no uploaded file");
    return transcribe_upload(t, v->storage_path, ret, e);
}

static const source_fn sources[SOURCE_COUNT] = {
    [SOURCE_YOUTUBE] = from_youtube,
    [SOURCE_LOOM] = from_loom,
    [SOURCE_MUX] = from_mux,
    [SOURCE_UPLOAD] = from_upload,
};

bool transcribe_video(const struct transcriber *t, const struct video *v, struct transcript *ret,
                      int64_t *ret_took_ms, struct err *e)
{
    int64_t began = mono_ms();
    struct transcript found = {0};
    if (!sources[v->source](t, v, &found, e)) {
        if (e->code == ERR_NEXT_SOURCE) /* there is no next one */
            e->code = ERR_PERMANENT;
        return false;
    }
    if (found.text == NULL || count_words(found.text) == 0) {
        transcript_release(&found);
        return err_set(e, ERR_PERMANENT, "%s: the video has no spoken words to transcribe",
                       video_source_name(v->source));
    }
    *ret = found;
    *ret_took_ms = mono_ms() - began;
    return true;
}
