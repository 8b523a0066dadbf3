/* mux.c: captions and audio of Mux assets.
 *
 * The API knows the asset and its tracks, the stream host has the files; there is no call that lists captions by
 * playback id, so the way is playback id -> asset -> text track -> VTT on the stream host. */
#include "provider.h"

#include "answer.h"
#include "clock.h"
#include "js.h"
#include "language.h"
#include "mux_stream.h"
#include "mux_token.h"
#include "reason.h"

enum { API_TIMEOUT_MS = 30000, NOT_READY_MS = 30000, MAX_TRACKS = 256, URL_SIZE = 2048 };

static const char SERVICE[] = "Mux";

static bool not_ready(struct err *e, enum reason r)
{
    return reason_set_after(e, r, SERVICE, NULL, NOT_READY_MS);
}

/* ---- the API ---- */

static bool api_err(const struct http_response *r, struct err *e)
{
    static const char key[] = "MUX_TOKEN_ID and MUX_TOKEN_SECRET";
    if (r->status == 401)
        return reason_set(e, REASON_KEY_REFUSED, SERVICE, key);
    if (r->status == 403)
        return reason_set(e, REASON_NO_PERMISSION, SERVICE, key);
    if (r->status == 404)
        return reason_set(e, REASON_ASSET_NOT_FOUND, SERVICE, NULL);
    (void)http_status_err(r, SERVICE, e);
    return reason_explain(e, SERVICE);
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
        return reason_null(e, REASON_NO_KEY, SERVICE, "MUX_TOKEN_ID and MUX_TOKEN_SECRET");
    if (!buf_adds(&path, folder) || !http_encode(&path, id, false) ||
        !http_join(url, sizeof(url), svc->mux_url, path.data))
        return reason_null(e, REASON_ID_REFUSED, SERVICE, NULL);
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
        (void)reason_explain(e, SERVICE);
        return NULL;
    }
    if (ret_status != NULL)
        *ret_status = r.status;
    json_t *answer = NULL, *data = NULL;
    if (!answer_is_ok(&r)) {
        (void)api_err(&r, e);
    } else if ((answer = answer_object(&r, SERVICE, e)) == NULL) {
        (void)reason_explain(e, SERVICE);
    } else {
        data = json_incref(js_get(answer, "data"));
        if (!json_is_object(data)) {
            json_decref(data);
            data = reason_null(e, REASON_UNREADABLE, SERVICE, "it holds no data");
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
        return reason_null(e, REASON_LIVE_STREAM, SERVICE, NULL);
    if (id == NULL)
        return reason_null(e, REASON_UNREADABLE, SERVICE, "it names no asset");
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
        return reason_null(e, REASON_NO_LINK, SERVICE, NULL);
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
        return not_ready(e, REASON_ASSET_PENDING);
    if (status == NULL || strcmp(status, "errored") != 0)
        return true;
    auto_buf said = BUF_INIT(1024);
    const json_t *message;
    size_t i;
    json_array_foreach (js_get(asset, "errors.messages"), i, message) {
        if (json_string_length(message) > 0)
            (void)(buf_adds(&said, said.len > 0 ? " " : "") &&
                   buf_adds(&said, json_string_value(message)));
    }
    return reason_set(e, REASON_ASSET_FAILED, SERVICE, said.data);
}

/* ---- playback ids ---- */

static bool has_policy(const json_t *playback, const char *policy)
{
    const char *p = js_str(playback, "policy");
    return p != NULL && strcmp(p, policy) == 0;
}

/* The playback id of that policy, borrowed: the given one if it is among them, else the first; or NULL. */
static const char *find_playback(const json_t *asset, const char *policy, const char *wanted)
{
    const json_t *p;
    const char *found = NULL;
    size_t i;
    json_array_foreach (js_get(asset, "playback_ids"), i, p) {
        const char *id = js_str(p, "id");
        if (id != NULL && has_policy(p, policy) &&
            (found == NULL || (wanted != NULL && strcmp(id, wanted) == 0)))
            found = id;
    }
    return found;
}

/* What to play: a public id needs no proof, a signed one gets a token, written to `token` (MUX_TOKEN_SIZE). */
static bool choose_playback(const struct services *svc, const json_t *asset, const char *wanted,
                            char *token, struct mux_playback *ret, struct err *e)
{
    bool named = wanted != NULL && *wanted != '\0';
    token[0] = '\0';
    *ret = (struct mux_playback){.id = find_playback(asset, "public", wanted), .token = token};
    if (ret->id != NULL)
        return true;
    ret->id = find_playback(asset, "signed", wanted);
    if (ret->id != NULL)
        return mux_can_sign(svc)
                   ? mux_token(svc, ret->id, wall_ms() / 1000, token, MUX_TOKEN_SIZE, e)
                   : reason_set(e, REASON_NO_SIGNING_KEY, SERVICE, NULL);
    if (json_array_size(js_get(asset, "playback_ids")) > 0)
        return reason_set(e, REASON_PROTECTED, SERVICE, NULL);
    ret->id = wanted;
    return named || reason_set(e, REASON_NO_PLAYBACK_ID, SERVICE, NULL);
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
            return not_ready(e, REASON_TRANSCRIPT_PENDING);
    }
    if (!has_audio && json_array_size(all) > 0)
        return reason_set(e, REASON_NO_SOUND, SERVICE, NULL);
    return reason_set(e, REASON_NO_CAPTIONS, SERVICE, NULL);
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
            return not_ready(e, REASON_TRANSCRIPT_PENDING);
    }
    if (is(now, "status", "preparing"))
        return not_ready(e, REASON_ASSET_PENDING);
    return reason_set(e, REASON_NO_CAPTIONS, SERVICE, NULL);
}

/* *ret_refused: the host did not accept our token, a new one may do. */
static bool fetch_track(struct http *h, const struct services *svc, const json_t *asset,
                        const struct mux_playback *playback, const json_t *track,
                        struct captions *ret, bool *ret_refused, struct err *e)
{
    const char *track_id = js_str(track, "id");
    char url[MUX_URL_SIZE];
    struct http_response r;
    if (!mux_stream_url(svc, playback, "/text/", track_id, ".vtt", url, e) ||
        !mux_stream_get(h, url, SERVICE, &r, e))
        return false;
    bool ok = false;
    struct err why;
    *ret_refused = r.status == 403 && *playback->token != '\0';
    if (r.status == 404)
        (void)missing_err(h, svc, asset, track_id, e);
    else if (!answer_is_ok(&r))
        (void)mux_stream_err(&r, SERVICE, e);
    else if (!captions_parse(r.body.data, r.body.len, CAPTION_VTT, is_generated(track), ret, &why))
        (void)reason_set(e, REASON_UNREADABLE, SERVICE, why.msg);
    else
        ok = true;
    http_response_release(&r);
    return ok;
}

static bool fetch_captions(struct http *h, const struct services *svc, const json_t *asset,
                           const char *playback_id, const json_t *track, struct captions *ret,
                           struct err *e)
{
    char token[MUX_TOKEN_SIZE];
    struct mux_playback playback;
    bool refused = false;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!choose_playback(svc, asset, playback_id, token, &playback, e))
            return false;
        if (fetch_track(h, svc, asset, &playback, track, ret, &refused, e))
            return true;
        if (!refused)
            return false;
    }
    return false;
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
    if (!fetch_captions(h, svc, asset, playback_id, track, &t->captions, e))
        return false;
    if (t->captions.len == 0) {
        captions_release(&t->captions);
        return reason_set(e, REASON_EMPTY_CAPTIONS, SERVICE, NULL);
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
        return not_ready(e, REASON_RENDITION_PENDING);
    if (file == NULL)
        return reason_set(e, skipped ? REASON_NO_SOUND : REASON_NO_RENDITION, SERVICE, NULL);
    char token[MUX_TOKEN_SIZE], url[MUX_URL_SIZE];
    struct mux_playback playback;
    if (!choose_playback(svc, asset, playback_id, token, &playback, e) ||
        !mux_stream_url(svc, &playback, "/", js_str(file, "name"), "", url, e))
        return false;
    int n = snprintf(out, out_size, "%s", url);
    return (n >= 0 && (size_t)n < out_size) || reason_set(e, REASON_ID_REFUSED, SERVICE, NULL);
}
