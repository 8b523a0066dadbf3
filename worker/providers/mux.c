/* mux.c: captions and audio of Mux assets.
 *
 * The API knows the asset and its tracks, the stream host has the files; there is no call that lists captions by
 * playback id, so the way is playback id -> asset -> text track -> VTT on the stream host. */
#include "provider.h"

#include "answer.h"
#include "js.h"
#include "language.h"

enum {
    API_TIMEOUT_MS = 30000,
    CAPTION_TIMEOUT_MS = 60000,
    NOT_READY_MS = 30000,
    MAX_TRACKS = 256,
    URL_SIZE = 2048,
};

static bool not_ready(struct err *e, const char *what)
{
    (void)err_set(e, ERR_NOT_READY, "mux: %s", what);
    e->retry_after_ms = NOT_READY_MS;
    return false;
}

/* ---- the API ---- */

static bool api_err(const struct http_response *r, struct err *e)
{
    (void)http_status_err(r, "mux", e);
    if (r->status == 401)
        (void)err_set(e, ERR_STOP_PROVIDER, "mux: the service refused our token (HTTP 401)");
    else if (r->status == 404)
        (void)err_set(e, ERR_PERMANENT,
                      "mux: the asset does not exist or belongs to another account");
    return false;
}

/* `data` of GET base/folder/id, a new reference. *ret_status (may be NULL) is the HTTP status, 0 without one. */
static json_t *get_data(struct http *h, const struct services *svc, const char *folder,
                        const char *id, long *ret_status, struct err *e)
{
    char url[URL_SIZE];
    auto_buf path = BUF_INIT(URL_SIZE);
    if (ret_status != NULL)
        *ret_status = 0;
    if (*svc->mux_token_id == '\0' || *svc->mux_token_secret == '\0')
        return err_null(e, ERR_STOP_PROVIDER, "mux: no token is configured");
    if (!buf_adds(&path, folder) || !http_encode(&path, id, false) ||
        !http_join(url, sizeof(url), svc->mux_url, path.data))
        return err_null(e, ERR_PERMANENT, "mux: the id is too long");
    struct http_request req = {
        .service = "mux",
        .account = svc->mux_token_id,
        .url = url,
        .basic_user = svc->mux_token_id,
        .basic_password = svc->mux_token_secret,
        .timeout_ms = API_TIMEOUT_MS,
    };
    struct http_response r;
    if (!http_send(h, &req, &r, e)) {
        (void)err_wrap(e, "mux");
        return NULL;
    }
    if (ret_status != NULL)
        *ret_status = r.status;
    json_t *answer = NULL, *data = NULL;
    if (!answer_is_ok(&r)) {
        (void)api_err(&r, e);
    } else if ((answer = answer_object(&r, "mux", e)) != NULL) {
        data = json_incref(js_get(answer, "data"));
        if (!json_is_object(data)) {
            json_decref(data);
            data = err_null(e, ERR_RETRY, "mux: unreadable answer: no data");
        }
    }
    json_decref(answer);
    http_response_release(&r);
    return data;
}

static json_t *asset_of_playback_id(struct http *h, const struct services *svc,
                                    const char *playback_id, struct err *e)
{
    auto_json *data = get_data(h, svc, "video/v1/playback-ids/", playback_id, NULL, e);
    if (data == NULL)
        return NULL;
    const char *type = js_str(data, "object.type"), *id = js_str(data, "object.id");
    if (type != NULL && strcmp(type, "live_stream") == 0)
        return err_null(e, ERR_PERMANENT,
                        "mux: the playback id belongs to a live stream, not to a video");
    if (id == NULL)
        return err_null(e, ERR_RETRY, "mux: unreadable answer: no asset id");
    return get_data(h, svc, "video/v1/assets/", id, NULL, e);
}

/* The asset, a new reference. An asset id that is not one (a playback id was once stored there) does not hurt as
 * long as the playback id is right. */
static json_t *load_asset(struct http *h, const struct services *svc, const char *playback_id,
                          const char *asset_id, struct err *e)
{
    bool has_playback = playback_id != NULL && *playback_id != '\0';
    bool has_asset = asset_id != NULL && *asset_id != '\0';
    if (!has_playback && !has_asset)
        return err_null(e, ERR_INPUT, "mux: neither a playback id nor an asset id");
    if (has_asset) {
        long status;
        json_t *asset = get_data(h, svc, "video/v1/assets/", asset_id, &status, e);
        if (asset != NULL || !has_playback || (status != 404 && status != 400))
            return asset;
    }
    return asset_of_playback_id(h, svc, playback_id, e);
}

static bool check_asset(const json_t *asset, struct err *e)
{
    const char *status = js_str(asset, "status");
    if (status != NULL && strcmp(status, "preparing") == 0)
        return not_ready(e, "the asset is still being prepared");
    if (status == NULL || strcmp(status, "errored") != 0)
        return true;
    const json_t *first = json_array_get(js_get(asset, "errors.messages"), 0);
    char plain[200];
    copy_plain(plain, sizeof(plain),
               json_string_length(first) > 0 ? json_string_value(first) : "no reason given");
    return err_set(e, ERR_PERMANENT, "mux: the asset could not be processed: %s", plain);
}

/* ---- playback ids ---- */

static bool has_policy(const json_t *playback, const char *policy)
{
    const char *p = js_str(playback, "policy");
    return p != NULL && strcmp(p, policy) == 0;
}

/* The playback id to use on the stream host, borrowed: the given one if it is public, else any public one. */
static const char *public_playback_id(const json_t *asset, const char *wanted, struct err *e)
{
    const json_t *list = js_get(asset, "playback_ids"), *p;
    const char *found = NULL;
    bool any_signed = false;
    size_t i;
    json_array_foreach (list, i, p) {
        const char *id = js_str(p, "id");
        any_signed |= has_policy(p, "signed");
        if (id != NULL && has_policy(p, "public") &&
            (found == NULL || (wanted != NULL && strcmp(id, wanted) == 0)))
            found = id;
    }
    if (found != NULL)
        return found;
    if (any_signed)
        return err_null(e, ERR_PERMANENT,
                        "mux: the asset can only be played with signed links, and no signing key "
                        "is configured");
    if (json_array_size(list) > 0)
        return err_null(e, ERR_PERMANENT, "mux: the asset is protected and cannot be read");
    if (wanted == NULL || *wanted == '\0')
        return err_null(e, ERR_PERMANENT, "mux: the asset has no playback id");
    return wanted;
}

static bool stream_url(const struct services *svc, const char *playback_id, const char *folder,
                       const char *file, const char *suffix, char *out, size_t out_size,
                       struct err *e)
{
    auto_buf path = BUF_INIT(URL_SIZE);
    bool fits = http_encode(&path, playback_id, false) && buf_adds(&path, folder) &&
                http_encode(&path, file, false) && buf_adds(&path, suffix) &&
                http_join(out, out_size, svc->mux_stream_url, path.data);
    return fits || err_set(e, ERR_PERMANENT, "mux: the id is too long");
}

/* ---- tracks ---- */

static bool is(const json_t *j, const char *path, const char *value)
{
    const char *s = js_str(j, path);
    return s != NULL && strcmp(s, value) == 0;
}

static int source_rank(const json_t *track)
{
    static const char *const sources[] = {"uploaded", "embedded", "generated_vod",
                                          "generated_live_final", "generated_live"};
    int i = 0;
    while (i < (int)ARRAY_LEN(sources) && !is(track, "text_source", sources[i]))
        i++;
    return i;
}

static bool is_generated(const json_t *track)
{
    const char *source = js_str(track, "text_source");
    return source != NULL && strncmp(source, "generated", 9) == 0;
}

/* The best ready text track, borrowed, or NULL. */
static const json_t *choose_track(const json_t *asset, const char *language)
{
    const json_t *all = js_get(asset, "tracks"), *t;
    const json_t *usable[MAX_TRACKS];
    struct track tracks[MAX_TRACKS];
    size_t n = 0, i;
    json_array_foreach (all, i, t) {
        if (n == MAX_TRACKS || !is(t, "type", "text") || !is(t, "status", "ready") ||
            js_str(t, "id") == NULL)
            continue;
        const char *code = js_str(t, "language_code");
        usable[n] = t;
        tracks[n++] = (struct track){
            .language = code != NULL ? code : "",
            .automatic = is_generated(t),
            .tie = source_rank(t),
        };
    }
    size_t best = track_choose(tracks, n, language);
    return best < n ? usable[best] : NULL;
}

static bool is_pending(const json_t *track)
{
    const char *status = js_str(track, "status");
    if (status == NULL)
        return false;
    static const char *const settled[] = {"ready", "errored", "deleted", "skipped"};
    for (size_t i = 0; i < ARRAY_LEN(settled); i++)
        if (strcmp(status, settled[i]) == 0)
            return false;
    return true; /* preparing, or a status of the future: wait */
}

/* Why there is no ready text track. */
static bool no_track_err(const json_t *asset, struct err *e)
{
    const json_t *all = js_get(asset, "tracks"), *t;
    bool has_audio = false;
    size_t i;
    json_array_foreach (all, i, t) {
        has_audio |= is(t, "type", "audio");
        if (is(t, "type", "text") && is_pending(t))
            return not_ready(e, "the captions are still being made");
    }
    if (!has_audio && json_array_size(all) > 0)
        return err_set(e, ERR_PERMANENT, "mux: the video has no sound and no captions");
    return err_set(e, ERR_NEXT_SOURCE, "mux: the video has no captions");
}

/* ---- captions ---- */

/* 404: the track is not there yet, or not any more; the asset knows. */
static bool missing_err(struct http *h, const struct services *svc, const json_t *asset,
                        const char *track_id, struct err *e)
{
    const char *asset_id = js_str(asset, "id");
    auto_json *now =
        asset_id != NULL ? get_data(h, svc, "video/v1/assets/", asset_id, NULL, e) : NULL;
    if (asset_id != NULL && now == NULL)
        return false;
    const json_t *t;
    size_t i;
    json_array_foreach (js_get(now, "tracks"), i, t) {
        if (is(t, "id", track_id) && is_pending(t))
            return not_ready(e, "the captions are still being made");
    }
    if (is(now, "status", "preparing"))
        return not_ready(e, "the asset is still being prepared");
    return err_set(e, ERR_NEXT_SOURCE, "mux: the caption track is gone");
}

static bool stream_err(const struct http_response *r, struct err *e)
{
    if (r->status == 412)
        return not_ready(e, "the asset is still being prepared");
    (void)http_status_err(r, "mux", e);
    if (r->status == 401 || r->status == 403) /* about this file, not about our account */
        e->code = ERR_PERMANENT;
    return false;
}

static bool fetch_captions(struct http *h, const struct services *svc, const json_t *asset,
                           const char *playback_id, const json_t *track, struct captions *ret,
                           struct err *e)
{
    static const char *const hosts[] = {"mux.com", NULL};
    const char *track_id = js_str(track, "id");
    char url[URL_SIZE];
    if (!stream_url(svc, playback_id, "/text/", track_id, ".vtt", url, sizeof(url), e))
        return false;
    struct http_request req = {
        .url = url,
        .timeout_ms = CAPTION_TIMEOUT_MS,
        .follow_redirects = true,
        .untrusted_url = true,
        .allowed_hosts = hosts,
    };
    struct http_response r;
    if (!http_send(h, &req, &r, e))
        return err_wrap(e, "mux");
    bool ok = false;
    struct err why;
    if (r.status == 404)
        (void)missing_err(h, svc, asset, track_id, e);
    else if (!answer_is_ok(&r))
        (void)stream_err(&r, e);
    else if (!captions_parse(r.body.data, r.body.len, CAPTION_VTT, is_generated(track), ret, &why))
        (void)err_set(e, ERR_RETRY, "mux: unreadable captions: %s", why.msg);
    else
        ok = true;
    http_response_release(&r);
    return ok;
}

static bool transcript_of(struct http *h, const struct services *svc, const json_t *asset,
                          const char *playback_id, const char *language, struct transcript *t,
                          struct err *e)
{
    if (!check_asset(asset, e))
        return false;
    const json_t *track = choose_track(asset, language);
    if (track == NULL)
        return no_track_err(asset, e);
    const char *playback = public_playback_id(asset, playback_id, e);
    if (playback == NULL || !fetch_captions(h, svc, asset, playback, track, &t->captions, e))
        return false;
    if (t->captions.len == 0) {
        captions_release(&t->captions);
        return err_set(e, ERR_NEXT_SOURCE, "mux: the caption track is empty");
    }
    const char *title = js_str(asset, "meta.title"), *code = js_str(track, "language_code");
    double seconds = js_num(asset, "duration", 0);
    t->title = title != NULL ? strdup(title) : NULL;
    t->duration_seconds = seconds > 0 ? seconds : 0;
    copy_plain(t->language, sizeof(t->language),
               code != NULL && strcmp(code, "auto") != 0 ? code : "");
    t->text = captions_text(&t->captions);
    t->method = "mux_auto";
    return true;
}

bool mux_transcript(struct http *h, const struct services *svc, const char *playback_id,
                    const char *asset_id, const char *language, struct transcript *ret,
                    struct err *e)
{
    auto_json *asset = load_asset(h, svc, playback_id, asset_id, e);
    struct transcript t = {0};
    if (asset == NULL || !transcript_of(h, svc, asset, playback_id, language, &t, e))
        return false;
    *ret = t;
    return true;
}

/* ---- audio ---- */

/* Sound alone is best; else the smallest file, since only its sound is wanted. */
static bool is_better(const json_t *file, const json_t *best)
{
    if (best == NULL)
        return true;
    bool audio = is(file, "ext", "m4a"), best_audio = is(best, "ext", "m4a");
    if (audio != best_audio)
        return audio;
    return js_num(file, "filesize", 1e18) < js_num(best, "filesize", 1e18);
}

/* Legacy renditions carry their status on the list, not on the files. */
static const char *file_status(const json_t *asset, const json_t *file)
{
    const char *status = js_str(file, "status");
    if (status == NULL)
        status = js_str(asset, "static_renditions.status");
    return status != NULL ? status : "ready";
}

static const json_t *choose_rendition(const json_t *asset, bool *ret_pending, bool *ret_skipped)
{
    const json_t *file, *best = NULL;
    size_t i;
    json_array_foreach (js_get(asset, "static_renditions.files"), i, file) {
        const char *status = file_status(asset, file), *name = js_str(file, "name");
        *ret_pending |= strcmp(status, "preparing") == 0;
        *ret_skipped |= strcmp(status, "skipped") == 0;
        if (strcmp(status, "ready") == 0 && name != NULL && is_better(file, best))
            best = file;
    }
    return best;
}

bool mux_audio_url(struct http *h, const struct services *svc, const char *playback_id,
                   const char *asset_id, char *out, size_t out_size, struct err *e)
{
    auto_json *asset = load_asset(h, svc, playback_id, asset_id, e);
    if (asset == NULL || !check_asset(asset, e))
        return false;
    bool pending = false, skipped = false;
    const json_t *file = choose_rendition(asset, &pending, &skipped);
    if (file == NULL && (pending || is(asset, "static_renditions.status", "preparing")))
        return not_ready(e, "the audio rendition is still being made");
    if (file == NULL && skipped)
        return err_set(e, ERR_PERMANENT, "mux: the video has no sound and no captions");
    if (file == NULL)
        return err_set(e, ERR_PERMANENT,
                       "mux: the video has no rendition with sound that could be downloaded");
    const char *playback = public_playback_id(asset, playback_id, e);
    return playback != NULL &&
           stream_url(svc, playback, "/", js_str(file, "name"), "", out, out_size, e);
}
