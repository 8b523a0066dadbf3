/* youtube.c: captions as YouTube's own apps get them.
 *
 * No public API gives a third party's captions, so we ask the player call as one of several app identities. Each
 * identity is refused in its own way and at its own time; what one is refused another may get. A refusal that is
 * about the video ends the call, one that may be about the identity or our address is remembered while the next
 * identity is asked, and the most telling of those remembered is the answer in the end:
 *
 *   player (who) -> playability -> tracks -> gate -> caption file -> captions
 *        ^________________ next identity ______________|
 *
 * The identities age within months; they are configuration (youtube_clients.h). */
#include "provider.h"

#include "answer.h"
#include "clock.h"
#include "js.h"
#include "language.h"
#include "reason.h"
#include "youtube_clients.h"

enum {
    CALL_TIMEOUT_MS = 30000,
    MAX_PLAYER_CALLS = 4,
    MAX_CAPTION_FETCHES = 2,
    MAX_TRACKS = 256,
    URL_SIZE = 4096,
    MINUTE_MS = 60 * 1000,
    ADDRESS_LIMIT_MS = 15 * MINUTE_MS, /* an address that was noticed stays noticed for a while */
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
};

static const char SERVICE[] = "YouTube";

#define EMBEDDING_PAGE "https://www.reddit.com/"

/* What a refusal says, from the least to the most telling. Only the first group lets another identity try. */
enum finding {
    FOUND_NOTHING,
    FOUND_STALE_CLIENT, /* the identity itself is too old */
    FOUND_REFUSAL,      /* "not on this app" and the like */
    FOUND_GONE,         /* "unavailable", which blocked addresses are told as well */
    FOUND_NO_CAPTIONS,
    FOUND_GATED,     /* there are captions, but not for us */
    FOUND_SUSPICION, /* "confirm you're not a bot": our address */
    FOUND_AGE_GATE,
    FOUND_FINAL, /* no other identity would get a different answer */
};

struct session {
    struct http *http;
    const struct services *svc;
    const char *id;
    const char *language;
    char visitor[512]; /* from the first answer, sent with the later ones */
    int player_calls;
    int caption_fetches;
    bool key_refused; /* the configured key is of no use: the call works without one */
    int no_captions;  /* identities that found none */
    int gone;
    enum finding found;
    struct err why; /* of `found` */
    enum finding current;
};

/* Notes why this identity did not get there. Returns false. */
static bool note(struct session *s, enum finding f, enum reason r, const char *detail,
                 int64_t retry_after_ms)
{
    s->current = f;
    if (f >= s->found) {
        s->found = f;
        (void)reason_set_after(&s->why, r, SERVICE, detail, retry_after_ms);
    }
    return false;
}

static bool final(struct session *s, enum reason r)
{
    return note(s, FOUND_FINAL, r, NULL, 0);
}

/* A failure of the request itself. */
static bool final_err(struct session *s, const struct err *e)
{
    s->current = s->found = FOUND_FINAL;
    s->why = *e;
    return reason_explain(&s->why, SERVICE);
}

static bool suspected(struct session *s)
{
    return note(s, FOUND_SUSPICION, REASON_ADDRESS_SUSPECTED, NULL, ADDRESS_LIMIT_MS);
}

/* ---- the player call ---- */

static json_t *player_body(const struct session *s, const struct youtube_client *c)
{
    json_t *client = json_loads(c->context, 0, NULL);
    json_t *more =
        js_pack("{s:s s:s s:s s:s s:s s:i}", "clientName", c->name, "clientVersion", c->version,
                "hl", "en", "gl", "US", "timeZone", "UTC", "utcOffsetMinutes", 0);
    if (client == NULL || more == NULL || json_object_update(client, more) != 0)
        abort(); /* constants only */
    json_decref(more);
    if (s->visitor[0] != '\0')
        (void)json_object_set_new(client, "visitorData", json_string(s->visitor));
    json_t *context = js_pack("{s:o}", "client", client);
    if (c->is_embedded)
        (void)json_object_set_new(context, "thirdParty",
                                  js_pack("{s:s}", "embedUrl", EMBEDDING_PAGE));
    return js_pack("{s:o s:s s:b s:b}", "context", context, "videoId", s->id, "contentCheckOk", 1,
                   "racyCheckOk", 1);
}

static bool player_url(const struct session *s, char *out, size_t out_size)
{
    auto_buf path = BUF_INIT(1024);
    bool ok = buf_adds(&path, "youtubei/v1/player?prettyPrint=false");
    if (*s->svc->youtube_key != '\0' && !s->key_refused)
        ok = ok && buf_adds(&path, "&key=") && http_encode(&path, s->svc->youtube_key, false);
    return ok && http_join(out, out_size, s->svc->youtube_url, path.data);
}

static bool send_player(struct session *s, const struct youtube_client *c,
                        struct http_response *ret, struct err *e)
{
    char url[URL_SIZE];
    if (!player_url(s, url, sizeof(url)))
        return err_set(e, ERR_STOP_PROVIDER, "the configured address or key is too long");
    struct http_header headers[8];
    size_t n = 0;
    headers[n++] = (struct http_header){"Content-Type", "application/json"};
    headers[n++] = (struct http_header){"User-Agent", c->user_agent};
    headers[n++] = (struct http_header){"X-YouTube-Client-Name", c->number};
    headers[n++] = (struct http_header){"X-YouTube-Client-Version", c->version};
    headers[n++] = (struct http_header){"Origin", "https://www.youtube.com"};
    if (s->visitor[0] != '\0')
        headers[n++] = (struct http_header){"X-Goog-Visitor-Id", s->visitor};
    if (c->is_android)
        headers[n++] = (struct http_header){"X-Goog-Api-Format-Version", "2"};
    else if (c->is_embedded)
        headers[n++] = (struct http_header){"Referer", EMBEDDING_PAGE};
    headers[n] = (struct http_header){0};
    auto_json *body = player_body(s, c);
    size_t len = 0;
    auto_free char *text = js_dump(body, &len);
    struct http_request req = {
        .service = "youtube",
        .account = s->svc->youtube_proxy,
        .method = "POST",
        .url = url,
        .body = text,
        .body_len = len,
        .headers = headers,
        .timeout_ms = CALL_TIMEOUT_MS,
        .proxy = s->svc->youtube_proxy,
    };
    return http_send(s->http, &req, ret, e);
}

/* The player call's HTTP errors. */
static bool judge_status(struct session *s, const struct http_response *r)
{
    struct err ignored, e;
    if (r->status == 429) {
        (void)http_status_err(r, SERVICE, &e);
        return note(s, FOUND_FINAL, REASON_ADDRESS_LIMITED, NULL,
                    e.retry_after_ms > ADDRESS_LIMIT_MS ? e.retry_after_ms : ADDRESS_LIMIT_MS);
    }
    if (r->status == 400) {
        auto_json *j = answer_object(r, SERVICE, &ignored);
        const char *status = js_str(j, "error.status");
        if (status != NULL && strcmp(status, "INVALID_ARGUMENT") == 0)
            return final(s, REASON_ID_REFUSED);
    }
    s->key_refused |= r->status == 403;
    if (r->status == 400 || r->status == 403 || r->status == 404)
        return note(s, FOUND_STALE_CLIENT, REASON_CLIENTS_STALE, NULL, 0);
    (void)http_status_err(r, SERVICE, &e);
    return final_err(s, &e);
}

/* ---- playability ---- */

static const char *reason_of(const json_t *p)
{
    const char *reason = js_str(p, "reason");
    if (reason == NULL) {
        const json_t *first = json_array_get(js_get(p, "messages"), 0);
        reason = json_string_length(first) > 0 ? json_string_value(first) : NULL;
    }
    const json_t *screen = js_get(p, "errorScreen.playerErrorMessageRenderer");
    if (reason == NULL)
        reason = js_str(screen, "reason.simpleText");
    if (reason == NULL)
        reason = js_str(screen, "subreason.simpleText");
    return reason != NULL ? reason : "";
}

/* "private" stands in messages[0] while reason says something general. */
static bool says(const json_t *p, const char *word)
{
    const json_t *messages = js_get(p, "messages"), *m;
    size_t i;
    if (TEXT_HAS(reason_of(p), word))
        return true;
    json_array_foreach (messages, i, m) {
        if (TEXT_HAS(json_string_value(m), word))
            return true;
    }
    return false;
}

static bool is_age_gate(const json_t *p, const char *status, const char *reason)
{
    if (strcmp(status, "AGE_CHECK_REQUIRED") == 0 ||
        strcmp(status, "AGE_VERIFICATION_REQUIRED") == 0)
        return true;
    return strcmp(status, "LOGIN_REQUIRED") == 0 &&
           (TEXT_HAS(reason, "inappropriate", "confirm your age", "age-restricted") ||
            js_get(p, "desktopLegacyAgeGateReason") != NULL);
}

/* Refused for a reason that may be about the identity: `reason` is what YouTube says. */
static bool refused_as(struct session *s, enum reason r, const char *reason)
{
    return note(s, FOUND_REFUSAL, r, reason, 0);
}

static bool judge_unplayable(struct session *s, const char *reason)
{
    if (TEXT_HAS(reason, "members", "join this channel"))
        return final(s, REASON_MEMBERS_ONLY);
    if (TEXT_HAS(reason, "payment", "premium", "purchase", " rent"))
        return final(s, REASON_PAID);
    if (TEXT_HAS(reason, "not available in your country", "not made this video available in"))
        return final(s, REASON_REGION);
    if (TEXT_HAS(reason, "not available on this app", "made for kids"))
        return refused_as(s, REASON_NOT_IN_APPS, reason);
    return refused_as(s, REASON_NOT_PLAYABLE, reason);
}

static bool judge_error(struct session *s, const char *reason)
{
    if (!TEXT_HAS(reason, "unavailable", "removed", "terminated", "does not exist", "copyright"))
        return refused_as(s, REASON_NOT_PLAYABLE, reason);
    s->gone++;
    return note(s, s->gone > 1 ? FOUND_FINAL : FOUND_GONE, REASON_GONE, NULL, 0);
}

static bool judge_login(struct session *s, const json_t *p, const char *reason)
{
    if (says(p, "not a bot"))
        return suspected(s);
    if (says(p, "private"))
        return final(s, REASON_PRIVATE);
    return refused_as(s, REASON_SIGN_IN, reason);
}

static bool judge_upcoming(struct session *s, const json_t *p)
{
    long long start = js_int(p,
                             "liveStreamability.liveStreamabilityRenderer.offlineSlate."
                             "liveStreamOfflineSlateRenderer.scheduledStartTime",
                             0);
    int64_t delay = HOUR_MS;
    if (start > 0 && start < (1LL << 40)) {
        int64_t until = start * 1000 + HOUR_MS - wall_ms();
        delay = until < MINUTE_MS ? MINUTE_MS : until > DAY_MS ? DAY_MS : until;
    }
    return note(s, FOUND_FINAL, REASON_UPCOMING, NULL, delay);
}

/* True: go on to the tracks. */
static bool judge_playability(struct session *s, const json_t *answer)
{
    const json_t *p = js_get(answer, "playabilityStatus");
    const char *status = js_str(p, "status"), *reason = reason_of(p);
    if (js_get(p, "errorScreen.playerCaptchaViewModel") != NULL)
        return suspected(s);
    if (status == NULL || strcmp(status, "OK") == 0) {
        if (js_bool(answer, "videoDetails.isLive", false))
            return note(s, FOUND_FINAL, REASON_STILL_LIVE, NULL, HOUR_MS);
        const char *got = js_str(answer, "videoDetails.videoId");
        return got == NULL || strcmp(got, s->id) == 0 || suspected(s); /* a substitute video */
    }
    if (TEXT_HAS(reason, "try again later"))
        return note(s, FOUND_FINAL, REASON_TRY_LATER, NULL, HOUR_MS);
    if (strcmp(status, "LIVE_STREAM_OFFLINE") == 0)
        return judge_upcoming(s, p);
    if (is_age_gate(p, status, reason))
        return note(s, FOUND_AGE_GATE, REASON_AGE_RESTRICTED, NULL, 0);
    if (strcmp(status, "LOGIN_REQUIRED") == 0)
        return judge_login(s, p, reason);
    if (strcmp(status, "UNPLAYABLE") == 0)
        return judge_unplayable(s, reason);
    if (strcmp(status, "ERROR") == 0)
        return says(p, "private") ? final(s, REASON_PRIVATE) : judge_error(s, reason);
    if (strcmp(status, "CONTENT_CHECK_REQUIRED") == 0)
        return refused_as(s, REASON_CONTENT_WARNING, NULL);
    return refused_as(s, REASON_NOT_PLAYABLE, *reason != '\0' ? reason : status);
}

/* ---- tracks ---- */

static size_t default_track(const json_t *list)
{
    const json_t *audio = js_get(list, "audioTracks");
    long long at = js_int(list, "defaultAudioTrackIndex", 0);
    const json_t *track = at >= 0 ? json_array_get(audio, (size_t)at) : NULL;
    long long index = js_int(track, "defaultCaptionTrackIndex", -1);
    return index >= 0 ? (size_t)index : SIZE_MAX;
}

/* The chosen track, borrowed; NULL when there is none. */
static const json_t *choose_track(const json_t *answer, const char *language)
{
    const json_t *list = js_get(answer, "captions.playerCaptionsTracklistRenderer");
    const json_t *all = js_get(list, "captionTracks"), *t;
    const json_t *usable[MAX_TRACKS];
    struct track tracks[MAX_TRACKS];
    size_t n = 0, i, by_default = default_track(list);
    json_array_foreach (all, i, t) {
        if (js_str(t, "baseUrl") == NULL || n == MAX_TRACKS)
            continue;
        const char *kind = js_str(t, "kind"), *code = js_str(t, "languageCode");
        usable[n] = t;
        tracks[n++] = (struct track){
            .language = code != NULL ? code : "",
            .automatic = kind != NULL && strcmp(kind, "asr") == 0,
            .forced = kind != NULL && strcmp(kind, "frc") == 0,
            .is_default = i == by_default,
            .tie = js_str(t, "trackName") != NULL,
        };
    }
    size_t best = track_choose(tracks, n, language);
    return best < n ? usable[best] : NULL;
}

static bool is_param(const char *p, size_t n, const char *name)
{
    size_t m = strlen(name);
    return n >= m && strncmp(p, name, m) == 0 && (n == m || p[m] == '=');
}

/* True when a URL's parameter `pair` ("exp=xpe") is there as a whole. */
static bool has_param(const char *url, const char *pair)
{
    const char *p = strchr(url, '?');
    while (p != NULL) {
        size_t n = strcspn(++p, "&#");
        if (n == strlen(pair) && strncmp(p, pair, n) == 0)
            return true;
        p = p[n] == '&' ? p + n : NULL;
    }
    return false;
}

/* The signed URL with fmt=json3: an existing fmt is replaced, xosf dropped, everything else stays as it is and in
 * its order, because it is signed. */
static bool caption_url(const struct services *svc, const char *base_url, char *out,
                        size_t out_size)
{
    auto_buf url = BUF_INIT(URL_SIZE - 1);
    size_t path = strcspn(base_url, "?#");
    bool ok = buf_add(&url, base_url, path);
    char separator = '?';
    const char *p = base_url[path] == '?' ? base_url + path : NULL;
    while (ok && p != NULL) {
        size_t n = strcspn(++p, "&#");
        if (n > 0 && !is_param(p, n, "fmt") && !is_param(p, n, "xosf")) {
            ok = buf_addc(&url, separator) && buf_add(&url, p, n);
            separator = '&';
        }
        p = p[n] == '&' ? p + n : NULL;
    }
    ok = ok && buf_addc(&url, separator) && buf_adds(&url, "fmt=json3");
    if (!ok)
        return false;
    if (url.data[0] == '/' && url.data[1] != '/')
        return http_join(out, out_size, svc->youtube_url, url.data);
    int len = snprintf(out, out_size, "%s", url.data);
    return len >= 0 && (size_t)len < out_size;
}

/* ---- the caption file ---- */

static bool unreachable(struct session *s)
{
    return note(s, FOUND_GATED, REASON_CAPTIONS_LOCKED, NULL, 0);
}

/* What the service asks for, within what makes sense for an address that was noticed. */
static int64_t address_delay(const struct http_response *r)
{
    int64_t asked = r->retry_after_ms;
    return asked < ADDRESS_LIMIT_MS ? ADDRESS_LIMIT_MS : asked > 6 * HOUR_MS ? 6 * HOUR_MS : asked;
}

static bool judge_file(struct session *s, const struct http_response *r, bool automatic,
                       struct transcript *t)
{
    struct err e;
    if (r->status == 429 ||
        (r->status >= 300 && r->status < 400)) /* the only redirect is to /sorry/ */
        return note(s, FOUND_FINAL, REASON_ADDRESS_LIMITED, NULL, address_delay(r));
    if (r->status >= 500 || r->status == 408 || r->status == 409 || r->status == 425) {
        (void)http_status_err(r, SERVICE, &e);
        return final_err(s, &e);
    }
    if (answer_is_html(r) && TEXT_HAS(r->body.data, "unusual traffic"))
        return suspected(s);
    /* an expired signature, a gate that was not announced, or a page: another identity gets another URL */
    if (!answer_is_ok(r) || r->body.len == 0 || answer_is_html(r))
        return unreachable(s);
    if (!captions_parse(r->body.data, r->body.len, CAPTION_SNIFF, automatic, &t->captions, &e))
        return unreachable(s);
    if (t->captions.len == 0) {
        captions_release(&t->captions);
        t->captions = (struct captions){0};
        return unreachable(s);
    }
    return true;
}

/* Such a file needs a proof that only a browser can make (pot=). Without it the answer is 200 and empty, often after
 * some seconds, so it is not even asked for. */
static bool is_gated(const char *url)
{
    bool wants_proof = has_param(url, "exp=xpe") || has_param(url, "exp=xpv");
    const char *proof = strstr(url, "&pot=");
    return wants_proof && (proof == NULL || proof[5] == '\0' || proof[5] == '&');
}

static bool fetch_captions(struct session *s, const struct youtube_client *c, const json_t *track,
                           struct transcript *t)
{
    static const char *const hosts[] = {"youtube.com", "googlevideo.com", NULL};
    const char *base_url = js_str(track, "baseUrl"), *kind = js_str(track, "kind");
    char url[URL_SIZE];
    if (is_gated(base_url) || s->caption_fetches == MAX_CAPTION_FETCHES ||
        !caption_url(s->svc, base_url, url, sizeof(url)))
        return unreachable(s);
    s->caption_fetches++;
    const struct http_header headers[] = {
        {"User-Agent", c->user_agent}, {"Accept-Language", "en-US"}, {0}};
    struct http_request req = {
        .url = url,
        .headers = headers,
        .timeout_ms = CALL_TIMEOUT_MS,
        .untrusted_url = true,
        .allowed_hosts = hosts,
        .proxy = s->svc->youtube_proxy,
    };
    struct http_response r = {0};
    struct err e;
    if (!http_send(s->http, &req, &r, &e))
        return final_err(s, &e);
    bool ok = judge_file(s, &r, kind != NULL && strcmp(kind, "asr") == 0, t);
    http_response_release(&r);
    return ok;
}

static bool no_captions(struct session *s)
{
    /* a half-blocked address loses the captions too, so one more identity is asked */
    s->no_captions++;
    return note(
        s, s->no_captions > 1 && s->found <= FOUND_NO_CAPTIONS ? FOUND_FINAL : FOUND_NO_CAPTIONS,
        REASON_NO_CAPTIONS, NULL, 0);
}

static void describe(const json_t *answer, const json_t *track, struct transcript *t)
{
    const char *title = js_str(answer, "videoDetails.title"), *code = js_str(track, "languageCode");
    t->title = title != NULL ? strdup(title) : NULL;
    double seconds = js_num(answer, "videoDetails.lengthSeconds", 0);
    t->duration_seconds = seconds > 0 ? seconds : 0;
    copy_plain(t->language, sizeof(t->language), code != NULL ? code : "");
    t->text = captions_text(&t->captions);
    t->method = "youtube_api";
}

static void keep_visitor(struct session *s, const json_t *answer)
{
    const char *visitor = js_str(answer, "responseContext.visitorData");
    if (s->visitor[0] == '\0' && visitor != NULL && strlen(visitor) < sizeof(s->visitor))
        copy_plain(s->visitor, sizeof(s->visitor), visitor);
}

static bool judge_answer(struct session *s, const struct youtube_client *c, const json_t *answer,
                         struct transcript *t)
{
    keep_visitor(s, answer);
    if (!judge_playability(s, answer))
        return false;
    const json_t *track = choose_track(answer, s->language);
    if (track == NULL)
        return no_captions(s);
    if (!fetch_captions(s, c, track, t))
        return false;
    describe(answer, track, t);
    return true;
}

static bool ask(struct session *s, const struct youtube_client *c, struct transcript *t)
{
    struct err e;
    struct http_response r = {0};
    s->player_calls++;
    s->current = FOUND_NOTHING;
    if (!send_player(s, c, &r, &e))
        return final_err(s, &e);
    if (!answer_is_ok(&r)) {
        bool ok = judge_status(s, &r);
        http_response_release(&r);
        return ok;
    }
    json_t *answer = answer_object(&r, SERVICE, &e);
    http_response_release(&r);
    if (answer == NULL)
        return final_err(s, &e);
    bool ok = judge_answer(s, c, answer, t);
    json_decref(answer);
    return ok;
}

/* The next identity to ask: an embedded player only right after an age gate, the others in their order. n when there
 * is none left. */
static size_t next_client(const struct session *s, const struct youtube_client *clients, size_t n,
                          size_t next)
{
    bool age_gate = s->current == FOUND_AGE_GATE;
    if (age_gate) /* the others would meet the same gate */
        next = s->player_calls > 0 && clients[next - 1].is_embedded ? next : 0;
    while (next < n && clients[next].is_embedded != age_gate)
        next++;
    return next;
}

bool youtube_transcript(struct http *h, const struct services *svc, const char *video,
                        const char *language, struct transcript *ret, struct err *e)
{
    char id[12];
    if (!youtube_video_id(video, id))
        return reason_set(e, REASON_BAD_LINK, SERVICE,
                          "https://www.youtube.com/watch?v=… with the 11 characters of its id");
    struct session s = {.http = h, .svc = svc, .id = id, .language = language};
    struct transcript t = {0};
    size_t n;
    const struct youtube_client *clients = youtube_clients(&n);
    size_t next = next_client(&s, clients, n, 0);
    while (next < n && s.player_calls < MAX_PLAYER_CALLS) {
        if (ask(&s, &clients[next], &t)) {
            *ret = t;
            return true;
        }
        if (s.found == FOUND_FINAL)
            break;
        next = next_client(&s, clients, n, next + 1);
    }
    *e = s.why;
    return false;
}
