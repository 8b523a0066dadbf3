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
#include "parts.h"
#include "reason.h"
#include "storage.h"
#include "whop.h"
#include "workdir.h"

static const char BUCKET[] = "videos";

/* What the bucket accepts; also a bound on what one step may put on the worker's disk. */
static const size_t MAX_FILE_BYTES = (size_t)5 << 30;
enum { MAX_PARTS = 512 };

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
    (void)workdir_sweep(svc->work_dir); /* what a killed neighbour left may be the room we need */
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
    if (!parts_transcribe(t, parts, count, ret, e))
        return false;
    ret->duration_seconds = duration;
    return true;
}

/* A file in the storage bucket of uploads. */
static bool transcribe_upload(const struct transcriber *t, const char *storage_path,
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

/* The first of these files that is there: a media host refuses what it does not have. `service` heads the message when
 * none can be had. */
static bool transcribe_urls(const struct transcriber *t, const char *service,
                            const char *const *urls, size_t n, struct transcript *ret,
                            struct err *e)
{
    struct workspace w = {.fd = -1};
    if (!workspace_open(&w, t->services, e))
        return false;
    bool fetched = false;
    for (size_t i = 0; i < n && !fetched && (i == 0 || e->code == ERR_PERMANENT); i++)
        fetched = fetch_url(t->http, urls[i], w.fd, MAX_FILE_BYTES, e);
    bool ok;
    if (fetched)
        ok = workspace_close_file(&w, e) && transcribe_file(t, &w, ret, e);
    else if (e->code == ERR_PERMANENT)
        ok = reason_set(e, REASON_NO_RENDITION, service, NULL);
    else
        ok = reason_explain(e, service);
    workspace_release(&w);
    return ok;
}

/* ---- by source ---- */

typedef bool (*source_fn)(const struct transcriber *t, const struct video *v,
                          struct transcript *ret, struct err *e);

/* The language the captions should be in: the asked one, else the video's. */
static const char *caption_language(const struct transcriber *t, const struct video *v)
{
    return t->language != NULL ? t->language : v->language;
}

static bool has_text(const char *s)
{
    return s != NULL && *s != '\0';
}

/* A file of a lesson in Whop's own Mux account: its captions, else its sound. */
static bool from_whop_file(const struct transcriber *t, const struct video *v,
                           const struct lesson *l, struct transcript *ret, struct err *e)
{
    if (whop_transcript(t->http, t->services, l, caption_language(t, v), ret, e))
        return true;
    if (e->code != ERR_NEXT_SOURCE)
        return false;
    char sound[4096], film[4096];
    const char *const urls[] = {sound, film};
    if (!whop_media_url(t->services, l, 0, sound, sizeof(sound)) ||
        !whop_media_url(t->services, l, 1, film, sizeof(film)))
        return reason_set(e, REASON_ID_REFUSED, "Whop", NULL);
    return transcribe_urls(t, "Whop", urls, ARRAY_LEN(urls), ret, e);
}

/* A lesson is asked for anew each time: what it gives out expires. */
static bool from_lesson(const struct transcriber *t, const struct video *v, struct transcript *ret,
                        struct err *e)
{
    struct lesson l;
    if (!whop_lesson(t->http, t->services, v->whop_lesson_id, &l, e))
        return false;
    bool ok = l.kind == LESSON_YOUTUBE
                  ? youtube_transcript(t->http, t->services, l.id, caption_language(t, v), ret, e)
              : l.kind == LESSON_LOOM ? loom_transcript(t->http, t->services, l.id, ret, e)
                                      : from_whop_file(t, v, &l, ret, e);
    lesson_release(&l);
    return ok;
}

static bool from_youtube(const struct transcriber *t, const struct video *v, struct transcript *ret,
                         struct err *e)
{
    char id[12];
    const char *video = NULL;
    if (v->url != NULL && youtube_video_id(v->url, id))
        video = v->url;
    else if (has_text(v->youtube_video_id))
        video = v->youtube_video_id;
    if (has_text(v->whop_lesson_id) && !youtube_video_id(video, id))
        return from_lesson(t, v, ret, e);
    if (video == NULL)
        return reason_set(e, REASON_NO_LINK, "YouTube", NULL);
    return youtube_transcript(t->http, t->services, video, caption_language(t, v), ret, e);
}

static bool from_loom(const struct transcriber *t, const struct video *v, struct transcript *ret,
                      struct err *e)
{
    /* lessons with a player of another service are imported under this source, too */
    if (v->embed_type != NULL && strcmp(v->embed_type, "loom") != 0)
        return reason_set(e, REASON_UNSUPPORTED_EMBED, "Loom", v->embed_type);
    char id[33];
    const char *video = NULL;
    if (v->url != NULL && loom_video_id(v->url, id))
        video = v->url;
    else if (has_text(v->embed_id))
        video = v->embed_id;
    if (has_text(v->whop_lesson_id) && !loom_video_id(video, id))
        return from_lesson(t, v, ret, e);
    if (video == NULL)
        return reason_set(e, REASON_NO_LINK, "Loom", NULL);
    return loom_transcript(t->http, t->services, video, ret, e);
}

static bool from_mux(const struct transcriber *t, const struct video *v, struct transcript *ret,
                     struct err *e)
{
    /* such a file lies in Whop's account, of which our own token knows nothing */
    if (has_text(v->whop_lesson_id) && *t->services->whop_key != '\0')
        return from_lesson(t, v, ret, e);
    if (!has_text(v->mux_playback_id) && !has_text(v->mux_asset_id))
        return reason_set(e, REASON_NO_LINK, "Mux", NULL);
    if (mux_transcript(t->http, t->services, v->mux_playback_id, v->mux_asset_id,
                       caption_language(t, v), ret, e))
        return true;
    if (e->code != ERR_NEXT_SOURCE)
        return false;
    char url[4096];
    const char *const urls[] = {url};
    return mux_audio_url(t->http, t->services, v->mux_playback_id, v->mux_asset_id, url,
                         sizeof(url), e) &&
           transcribe_urls(t, "Mux", urls, 1, ret, e);
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
