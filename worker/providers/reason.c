#include "reason.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"

struct sentence {
    enum err_code code;
    const char
        *text; /* {service}: whose video; {detail}: what the service said, a name, a setting */
};

/* clang-format off */
static const struct sentence sentences[REASON_COUNT] = {
    [REASON_BAD_LINK] = {ERR_INPUT, "{service}: this is not a link to a single {service} video, nor a video id. The address that was entered is incomplete or leads elsewhere. Enter the video's own link, such as {detail}, and process the video again."},
    [REASON_NO_LINK] = {ERR_PERMANENT, "{service}: no link or id of the {service} video is stored with this video. It was imported incompletely. Import the video again with its link."},
    [REASON_ID_REFUSED] = {ERR_PERMANENT, "{service}: {service} does not know this kind of video id. The link that was entered is probably mistyped. Correct the link and process the video again."},
    [REASON_UNSUPPORTED_EMBED] = {ERR_PERMANENT, "Videos embedded from {detail} are not supported, because {detail} gives out no transcripts. Nothing is broken. Upload the video file itself, or use a YouTube, Loom or Mux video."},

    [REASON_PRIVATE] = {ERR_PERMANENT, "{service}: the video is private, so its transcript cannot be read. Its owner set it so. Change the video's visibility to public or unlisted at {service} and process the video again."},
    [REASON_PASSWORD] = {ERR_PERMANENT, "{service}: the video is protected by a password, so its transcript cannot be read. Its owner set it so. Remove the password at {service} and process the video again."},
    [REASON_GONE] = {ERR_PERMANENT, "{service}: the video does not exist or was removed. It was deleted at {service}, or the link was never right. Check that the link opens in a private browser window, or import another video."},
    [REASON_AGE_RESTRICTED] = {ERR_PERMANENT, "{service}: the video is age-restricted, and {service} shows such videos only to viewers who are signed in. Its owner or {service} set it so. Lift the restriction at {service}, or upload the video file instead."},
    [REASON_MEMBERS_ONLY] = {ERR_PERMANENT, "{service}: the video is for channel members only. Its owner set it so. Make it public or unlisted at {service}, or upload the video file instead."},
    [REASON_PAID] = {ERR_PERMANENT, "{service}: the video has to be paid for, so its transcript cannot be read. Its owner set it so. Use a free video, or upload the video file instead."},
    [REASON_REGION] = {ERR_PERMANENT, "{service}: the video is not available in the country of this server. Its owner limited the countries. Allow all countries at {service}, or upload the video file instead."},
    [REASON_SIGN_IN] = {ERR_PERMANENT, "{service}: the video is shown only to viewers who are signed in (it says: {detail}). Its owner or {service} set it so. Make it public or unlisted at {service}, or upload the video file instead."},
    [REASON_CONTENT_WARNING] = {ERR_PERMANENT, "{service}: the video is behind a warning that each viewer has to accept. {service} marked its content as sensitive. Upload the video file instead."},
    [REASON_NOT_IN_APPS] = {ERR_PERMANENT, "{service}: the video can be watched only on the website (it says: {detail}). That is so for videos made for children and some others. Upload the video file instead."},
    [REASON_NOT_PLAYABLE] = {ERR_PERMANENT, "{service}: the video cannot be played (it says: {detail}). The video's owner or {service} decided that. Check that the link opens in a private browser window, or upload the video file instead."},
    [REASON_NO_CAPTIONS] = {ERR_NEXT_SOURCE, "{service}: the video has no captions, so there is nothing to read. Nobody added any and {service} made none. Add captions at {service} and process the video again, or upload the video file to have it transcribed."},
    [REASON_EMPTY_CAPTIONS] = {ERR_NEXT_SOURCE, "{service}: the video's captions hold no words. The caption file is empty. Replace the captions at {service} and process the video again, or upload the video file to have it transcribed."},
    [REASON_NO_SOUND] = {ERR_PERMANENT, "{service}: the video has neither sound nor captions, so there is nothing to transcribe. Nothing is broken. Add captions at {service} and process the video again, or use a video in which somebody speaks."},
    [REASON_NO_RENDITION] = {ERR_PERMANENT, "{service}: the video has no captions, and no file with its sound can be downloaded. Both have to be switched on by the owner of the {service} account. Turn on generated captions or an audio-only static rendition for it at {service} and process the video again."},
    [REASON_LIVE_STREAM] = {ERR_PERMANENT, "{service}: this id belongs to a live stream and not to a recorded video. The wrong id was entered. Use the id of the stream's recording."},

    [REASON_UPCOMING] = {ERR_NOT_READY, "{service}: the video has not been broadcast yet. It is a premiere or a planned stream. Process the video again after it was broadcast."},
    [REASON_STILL_LIVE] = {ERR_NOT_READY, "{service}: the live stream is still running. Captions exist only after its end. Process the video again when the stream is over."},
    [REASON_TRANSCRIPT_PENDING] = {ERR_NOT_READY, "{service}: the transcript is still being made at {service}. Nothing is broken; new videos take some minutes. Process the video again a little later."},
    [REASON_ASSET_PENDING] = {ERR_NOT_READY, "{service}: the video is still being uploaded or prepared at {service}. Nothing is broken; large videos take a while. Process the video again when it plays at {service}."},
    [REASON_RENDITION_PENDING] = {ERR_NOT_READY, "{service}: the sound file of the video is still being made at {service}. Nothing is broken; it takes some minutes. Process the video again a little later."},

    [REASON_CAPTIONS_LOCKED] = {ERR_NEXT_SOURCE, "{service}: the video has captions, but {service} does not hand them out to this server. {service} demands a proof that only a browser can give. Process the video again later, or upload the video file to have it transcribed."},
    [REASON_TRANSCRIPTION_FAILED] = {ERR_NEXT_SOURCE, "{service}: {service} could not transcribe the video. The fault is at {service}, often because of unclear sound. Start its transcription again there, or upload the video file instead."},
    [REASON_ASSET_FAILED] = {ERR_PERMANENT, "{service}: the video could not be processed by {service} (it says: {detail}). The file that was given to {service} is damaged or of an unknown kind. Upload the video to {service} again and import it anew."},
    [REASON_ADDRESS_SUSPECTED] = {ERR_RATE_LIMITED, "{service}: {service} takes this server for a bot and answers nothing for now. The video is fine. Process it again in some hours; if this goes on, the operator should set a proxy for {service} (CHRONOS_YOUTUBE_PROXY)."},
    [REASON_ADDRESS_LIMITED] = {ERR_RATE_LIMITED, "{service}: {service} limits how often this server may ask, and the limit is reached. The video is fine. Process it again in some hours; if this goes on, the operator should ask less often or use another address."},
    [REASON_TRY_LATER] = {ERR_RATE_LIMITED, "{service}: {service} says that the video is not available now and to try again later. It slows this server down; the video is fine. Process it again in an hour or two."},
    [REASON_LINK_EXPIRED] = {ERR_RETRY, "{service}: the link to the transcript expired before it could be read, twice. The fault is at {service} or this server's clock is wrong. Process the video again; if this goes on, the operator should check the clock."},
    [REASON_BUSY] = {ERR_RATE_LIMITED, "{service}: {service} is too busy or is asked too often ({detail}). The video is fine. Process it again in some minutes."},
    [REASON_DOWN] = {ERR_RETRY, "{service}: {service} cannot be reached or does not work at the moment ({detail}). The video is fine. Process it again later; if this goes on, the operator should check the connection to {service}."},
    [REASON_UNREADABLE] = {ERR_RETRY, "{service}: {service} gave an answer that cannot be understood ({detail}). The fault is at {service}; the video is fine. Process it again later; if this goes on, report it to the operator."},
    [REASON_REFUSED] = {ERR_PERMANENT, "{service}: {service} refused the request for this video ({detail}). Most often the video or its id is wrong. Check the video at {service}; if it plays there, report this message to the operator."},

    [REASON_CLIENTS_STALE] = {ERR_NEXT_SOURCE, "{service}: {service} no longer accepts the app versions that this server names, so no video of {service} can be read. The video is fine. The operator has to bring the app versions up to date (CHRONOS_YOUTUBE_CLIENTS); then process the video again."},
    [REASON_INTERFACE_CHANGED] = {ERR_NEXT_SOURCE, "{service}: {service} changed its interface, so transcripts cannot be read ({detail}). The video is fine. The operator has to update Chronos; until then, upload the video file instead."},
    [REASON_NO_KEY] = {ERR_STOP_PROVIDER, "{service}: no access to {service} is set up on this server. The video is fine. The operator has to set {detail}; then process the video again."},
    [REASON_KEY_REFUSED] = {ERR_STOP_PROVIDER, "{service}: {service} refused the access key of this server. The video is fine. The operator has to replace the key in {detail}; then process the video again."},
    [REASON_NO_PERMISSION] = {ERR_STOP_PROVIDER, "{service}: the access key of this server may not read videos at {service}. The video is fine. The operator has to give the key in {detail} read permission; then process the video again."},
    [REASON_NO_SIGNING_KEY] = {ERR_PERMANENT, "{service}: the video plays only with signed links, and no signing key is set up on this server. The video is fine. The operator has to set MUX_SIGNING_KEY and MUX_PRIVATE_KEY; then process the video again."},
    [REASON_BAD_SIGNING_KEY] = {ERR_STOP_PROVIDER, "{service}: links for the video cannot be signed, because the signing key of this server is unusable ({detail}). The video is fine. The operator has to set MUX_PRIVATE_KEY to the private key as {service} shows it; then process the video again."},
    [REASON_PLAYBACK_REFUSED] = {ERR_PERMANENT, "{service}: {service} refused to play the video to this server ({detail}). Its playback is limited, or the signing key belongs to another {service} account. Check the playback restrictions and the signing key at {service}; then process the video again."},
    [REASON_PROTECTED] = {ERR_PERMANENT, "{service}: the video is copy-protected (DRM) and cannot be read. Its owner set it so. Add a public or signed playback id at {service}, or upload the video file instead."},
    [REASON_ASSET_NOT_FOUND] = {ERR_PERMANENT, "{service}: the video does not exist in the {service} account of this server. It was deleted there, or it belongs to another account. Check the video's id at {service} and import it again."},
    [REASON_NO_PLAYBACK_ID] = {ERR_PERMANENT, "{service}: the video has no playback id, so it cannot be read. It was taken away at {service}. Add a playback id there and import the video again."},
    [REASON_LESSON_NOT_FOUND] = {ERR_PERMANENT, "{service}: the lesson does not exist. It was deleted at {service}, or its id is wrong. Check the course at {service} and import the lesson again."},
    [REASON_LESSON_FORBIDDEN] = {ERR_PERMANENT, "{service}: this server may not read the lesson. The app is not installed in that company, or it lacks the permission to read courses. Install the app at {service} with the permission courses:read and process the video again."},
    [REASON_LESSON_WITHOUT_VIDEO] = {ERR_PERMANENT, "{service}: the lesson holds no video. It is a text, a file or a quiz, or its video was taken out. Add a video to the lesson at {service} and import it again."},
    [REASON_OPERATOR] = {ERR_STOP_PROVIDER, "{service}: this server cannot use {service} until somebody changes its settings ({detail}). The video is fine. The operator has to check the access key and the address of {service}; then process the video again."},
};

static const char *const names[REASON_COUNT] = {
#define X(name) [REASON_##name] = #name,
    REASONS(X)
#undef X
};
/* clang-format on */

enum { MAX_DETAIL = 120 };

const char *reason_name(enum reason r)
{
    return names[r];
}

const char *reason_text(enum reason r)
{
    return sentences[r].text;
}

enum err_code reason_class(enum reason r)
{
    return sentences[r].code;
}

static void fill_in(const char *text, const char *service, const char *detail, char *out,
                    size_t out_size)
{
    size_t n = 0;
    out[0] = '\0';
    while (*text != '\0' && n + 1 < out_size) {
        const char *put = strncmp(text, "{service}", 9) == 0  ? service
                          : strncmp(text, "{detail}", 8) == 0 ? detail
                                                              : NULL;
        if (put == NULL) {
            out[n++] = *text++;
            out[n] = '\0';
            continue;
        }
        (void)snprintf(out + n, out_size - n, "%s", put);
        n += strlen(out + n);
        text = strchr(text, '}') + 1;
    }
}

/* At most MAX_DETAIL bytes, without control bytes, no character cut in two, no full stop of its own. */
static void tidy_detail(const char *detail, char *out, size_t out_size)
{
    copy_plain(out, out_size, detail != NULL && *detail != '\0' ? detail : "no reason given");
    size_t n = strlen(out);
    if (n + 1 == out_size) {
        while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0 && (unsigned char)out[n - 1] >= 0xc0)
            n--;
    }
    while (n > 0 && (out[n - 1] == '.' || out[n - 1] == ' '))
        n--;
    out[n] = '\0';
}

bool reason_set_after(struct err *e, enum reason r, const char *service, const char *detail,
                      int64_t retry_after_ms)
{
    char plain[MAX_DETAIL + 1], text[sizeof(e->msg)];
    tidy_detail(detail, plain, sizeof(plain));
    fill_in(sentences[r].text, service, plain, text, sizeof(text));
    (void)err_set(e, sentences[r].code, "%s", text);
    e->retry_after_ms = retry_after_ms;
    return false;
}

bool reason_set(struct err *e, enum reason r, const char *service, const char *detail)
{
    return reason_set_after(e, r, service, detail, 0);
}

void *reason_null(struct err *e, enum reason r, const char *service, const char *detail)
{
    (void)reason_set(e, r, service, detail);
    return NULL;
}

bool reason_explain(struct err *e, const char *service)
{
    static const struct {
        enum err_code code;
        enum reason reason;
    } of_class[] = {
        {ERR_RETRY, REASON_DOWN},
        {ERR_RATE_LIMITED, REASON_BUSY},
        {ERR_NOT_READY, REASON_ASSET_PENDING},
        {ERR_PERMANENT, REASON_REFUSED},
        {ERR_NEXT_SOURCE, REASON_REFUSED},
        {ERR_STOP_PROVIDER, REASON_OPERATOR},
    };
    const char *detail = e->msg, *colon = strstr(e->msg, ": ");
    if (colon != NULL && strncasecmp(e->msg, service, (size_t)(colon - e->msg)) == 0)
        detail = colon + 2;
    for (size_t i = 0; i < ARRAY_LEN(of_class); i++) {
        if (e->code != of_class[i].code)
            continue;
        enum reason r =
            strstr(detail, "unreadable answer") != NULL ? REASON_UNREADABLE : of_class[i].reason;
        struct err said; /* only its words are wanted: what else the failure carries stays */
        (void)reason_set(&said, r, service, detail);
        memcpy(e->msg, said.msg, sizeof(e->msg));
        break;
    }
    return false;
}
