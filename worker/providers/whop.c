/* whop.c: the real source of a Whop lesson.
 *
 * The course API names the embedded video or the Mux file. Captions of the latter stand in its HLS playlist:
 *
 *   lesson -> playback id and token -> .m3u8 -> subtitles -> caption file, or a playlist of its pieces
 */
#include "whop.h"

#include <ctype.h>
#include <stdlib.h>

#include "answer.h"
#include "js.h"
#include "mux_stream.h"
#include "playlist.h"
#include "reason.h"

enum {
    API_TIMEOUT_MS = 30000,
    NOT_READY_MS = 30000,
    MAX_DELAY_MS = 15 * 60 * 1000,
    MAX_PIECES = 2000, /* of six seconds: more than three hours */
    MAX_ID = 64,
};

static const char SERVICE[] = "Whop";

void lesson_release(struct lesson *l)
{
    free(l->id);
    free(l->token);
    free(l->title);
    *l = (struct lesson){0};
}

/* ---- the lesson ---- */

static bool is_lesson_id(const char *s)
{
    size_t n = 0;
    if (s == NULL || strncmp(s, "lesn_", 5) != 0)
        return false;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n > 5 && n <= MAX_ID && s[n] == '\0';
}

/* The delay stands only in the text: "Try again in 12 seconds." 0 when it does not. */
static int64_t delay_in(const char *text)
{
    const char *p = strcasestr(text, "try again in ");
    if (p == NULL)
        return 0;
    char *end;
    p += strlen("try again in ");
    if (!isdigit((unsigned char)*p))
        return 0;
    long n = strtol(p, &end, 10);
    int64_t unit = strncasecmp(end, " second", 7) == 0   ? 1000
                   : strncasecmp(end, " minute", 7) == 0 ? 60000
                                                         : 0;
    return unit == 0 || n > MAX_DELAY_MS / unit ? (unit == 0 ? 0 : MAX_DELAY_MS) : n * unit;
}

static bool api_err(const struct http_response *r, struct err *e)
{
    if (r->status == 401)
        return reason_set(e, REASON_KEY_REFUSED, SERVICE, "WHOP_API_KEY");
    if (r->status == 403)
        return reason_set(e, REASON_LESSON_FORBIDDEN, SERVICE, NULL);
    if (r->status == 404)
        return reason_set(e, REASON_LESSON_NOT_FOUND, SERVICE, NULL);
    (void)http_status_err(r, SERVICE, e);
    if (r->status == 409) /* of this API: the request will never do */
        e->code = ERR_PERMANENT;
    if (r->status == 429 && e->retry_after_ms == 0) {
        char said[201];
        http_error_message(r, said, sizeof(said));
        e->retry_after_ms = delay_in(said);
    }
    return reason_explain(e, SERVICE);
}

/* The lesson as it is answered, a new reference. */
static json_t *get_lesson(struct http *h, const struct services *svc, const char *lesson_id,
                          struct err *e)
{
    char path[MAX_ID + 32], url[MUX_URL_SIZE];
    (void)snprintf(path, sizeof(path), "course_lessons/%s", lesson_id);
    auto_buf bearer = BUF_INIT(4096);
    if (!buf_adds(&bearer, "Bearer ") || !buf_adds(&bearer, svc->whop_key) ||
        !http_join(url, sizeof(url), svc->whop_url, path))
        return reason_null(e, REASON_OPERATOR, SERVICE,
                           "WHOP_API_KEY or WHOP_BASE_URL is too long");
    const struct http_header headers[] = {{"Authorization", bearer.data}, {0}};
    struct http_request req = {.url = url, .headers = headers, .timeout_ms = API_TIMEOUT_MS};
    struct http_response r;
    if (!http_send(h, &req, &r, e)) {
        (void)reason_explain(e, SERVICE);
        return NULL;
    }
    json_t *lesson = NULL;
    if (!answer_is_ok(&r))
        (void)api_err(&r, e);
    else if ((lesson = answer_object(&r, SERVICE, e)) == NULL)
        (void)reason_explain(e, SERVICE);
    http_response_release(&r);
    return lesson;
}

static char *copy(const char *s)
{
    char *c = strdup(s != NULL ? s : "");
    if (c == NULL)
        abort();
    return c;
}

static bool read_asset(const json_t *asset, struct lesson *l, struct err *e)
{
    const char *status = js_str(asset, "status"), *open = js_str(asset, "playback_id");
    const char *locked = js_str(asset, "signed_playback_id");
    const char *token = js_str(asset, "signed_video_playback_token");
    if (status != NULL && strcmp(status, "ready") != 0)
        return reason_set_after(e, REASON_ASSET_PENDING, SERVICE, NULL, NOT_READY_MS);
    if (open == NULL && (locked == NULL || token == NULL))
        return reason_set(e, REASON_LESSON_WITHOUT_VIDEO, SERVICE, NULL);
    double seconds = js_num(asset, "duration_seconds", 0);
    l->kind = LESSON_MUX;
    l->id = copy(open != NULL ? open : locked);
    l->token = copy(open != NULL ? "" : token);
    l->duration_seconds = seconds > 0 ? seconds : 0;
    return true;
}

static bool read_lesson(const json_t *j, struct lesson *l, struct err *e)
{
    const char *type = js_str(j, "embed_type"), *id = js_str(j, "embed_id");
    const json_t *asset = js_get(j, "video_asset");
    if (type != NULL && id != NULL) {
        bool youtube = strcmp(type, "youtube") == 0;
        if (!youtube && strcmp(type, "loom") != 0)
            return reason_set(e, REASON_UNSUPPORTED_EMBED, SERVICE, type);
        l->kind = youtube ? LESSON_YOUTUBE : LESSON_LOOM;
        l->id = copy(id);
        l->token = copy("");
    } else if (!json_is_object(asset)) {
        return reason_set(e, REASON_LESSON_WITHOUT_VIDEO, SERVICE, NULL);
    } else if (!read_asset(asset, l, e)) {
        return false;
    }
    const char *title = js_str(j, "title");
    l->title = title != NULL ? copy(title) : NULL;
    return true;
}

bool whop_lesson(struct http *h, const struct services *svc, const char *lesson_id,
                 struct lesson *ret, struct err *e)
{
    if (!is_lesson_id(lesson_id))
        return reason_set(e, REASON_BAD_LINK, SERVICE, "a lesson's id, which begins with lesn_");
    if (*svc->whop_key == '\0')
        return reason_set(e, REASON_NO_KEY, SERVICE, "WHOP_API_KEY");
    auto_json *j = get_lesson(h, svc, lesson_id, e);
    struct lesson l = {0};
    if (j == NULL || !read_lesson(j, &l, e))
        return false;
    *ret = l;
    return true;
}

/* ---- captions ---- */

/* The body of a file on the stream host; on success the caller releases it. 404: there is none. */
static bool get_file(struct http *h, const char *url, struct http_response *ret, struct err *e)
{
    if (!mux_stream_get(h, url, SERVICE, ret, e))
        return false;
    if (answer_is_ok(ret))
        return true;
    if (ret->status == 404)
        (void)reason_set(e, REASON_NO_CAPTIONS, SERVICE, NULL);
    else
        (void)mux_stream_err(ret, SERVICE, e);
    http_response_release(ret);
    return false;
}

static bool add_piece(const struct http_response *r, struct captions *all, struct err *e)
{
    struct captions piece = {0};
    struct err why;
    if (!captions_parse(r->body.data, r->body.len, CAPTION_VTT, true, &piece, &why))
        return reason_set(e, REASON_UNREADABLE, SERVICE, why.msg);
    for (size_t i = 0; i < piece.len; i++) {
        const struct caption *c = &piece.items[i];
        const struct caption *last = all->len > 0 ? &all->items[all->len - 1] : NULL;
        /* a cue over the border of two pieces stands in both */
        if (last != NULL && last->start_ms == c->start_ms && strcmp(last->text, c->text) == 0)
            continue;
        captions_add(all, c->start_ms, c->end_ms, c->text, strlen(c->text));
    }
    captions_release(&piece);
    return true;
}

static bool fetch_pieces(struct http *h, const char *base, const char *list, struct captions *all,
                         struct err *e)
{
    char uri[MUX_URL_SIZE], url[MUX_URL_SIZE];
    size_t pos = 0;
    for (int n = 0; playlist_next_piece(list, &pos, uri, sizeof(uri)); n++) {
        struct http_response r;
        if (n == MAX_PIECES)
            return reason_set(e, REASON_UNREADABLE, SERVICE, "its captions have too many pieces");
        if (!playlist_resolve(base, uri, url, sizeof(url)))
            return reason_set(e, REASON_UNREADABLE, SERVICE, "a link in it is too long");
        if (!get_file(h, url, &r, e))
            return false;
        bool ok = add_piece(&r, all, e);
        http_response_release(&r);
        if (!ok)
            return false;
    }
    captions_finish(all, true);
    return true;
}

static bool fetch_subtitles(struct http *h, const char *url, struct captions *all, struct err *e)
{
    struct http_response r;
    if (!get_file(h, url, &r, e))
        return false;
    bool ok = playlist_is_one(r.body.data) ? fetch_pieces(h, url, r.body.data, all, e)
                                           : add_piece(&r, all, e);
    http_response_release(&r);
    return ok;
}

/* Where the captions are: the playlist's subtitles. */
static bool find_subtitles(struct http *h, const char *playlist, const char *language, char *url,
                           char *ret_language, size_t language_size, struct err *e)
{
    struct http_response r;
    char uri[MUX_URL_SIZE];
    if (!get_file(h, playlist, &r, e))
        return false;
    bool ok = playlist_is_one(r.body.data) ||
              reason_set(e, REASON_UNREADABLE, SERVICE, "it is no playlist");
    if (ok &&
        !playlist_subtitles(r.body.data, language, uri, sizeof(uri), ret_language, language_size))
        ok = reason_set(e, REASON_NO_CAPTIONS, SERVICE, NULL);
    http_response_release(&r);
    return ok && (playlist_resolve(playlist, uri, url, MUX_URL_SIZE) ||
                  reason_set(e, REASON_UNREADABLE, SERVICE, "a link in it is too long"));
}

bool whop_transcript(struct http *h, const struct services *svc, const struct lesson *l,
                     const char *language, struct transcript *ret, struct err *e)
{
    const struct mux_playback p = {.id = l->id, .token = l->token};
    char playlist[MUX_URL_SIZE], url[MUX_URL_SIZE], code[16];
    struct transcript t = {.method = "mux_auto"};
    if (!mux_stream_url(svc, &p, "", "", ".m3u8", playlist, e) ||
        !find_subtitles(h, playlist, language, url, code, sizeof(code), e))
        return false;
    if (!fetch_subtitles(h, url, &t.captions, e)) {
        captions_release(&t.captions);
        return false;
    }
    if (t.captions.len == 0) {
        captions_release(&t.captions);
        return reason_set(e, REASON_EMPTY_CAPTIONS, SERVICE, NULL);
    }
    copy_plain(t.language, sizeof(t.language), code);
    t.title = l->title != NULL ? copy(l->title) : NULL;
    t.duration_seconds = l->duration_seconds;
    t.text = captions_text(&t.captions);
    *ret = t;
    return true;
}

/* ---- sound ---- */

bool whop_media_url(const struct services *svc, const struct lesson *l, size_t n, char *out,
                    size_t out_size)
{
    static const char *const files[] = {"audio.m4a", "highest.mp4"};
    const struct mux_playback p = {.id = l->id, .token = l->token};
    char url[MUX_URL_SIZE];
    struct err ignored;
    if (n >= ARRAY_LEN(files) || !mux_stream_url(svc, &p, "/", files[n], "", url, &ignored))
        return false;
    int len = snprintf(out, out_size, "%s", url);
    return len >= 0 && (size_t)len < out_size;
}
