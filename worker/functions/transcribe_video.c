/* transcribe_video.c: the old way to ask for a transcript of an upload. Deprecated: send video/transcript.extract.
 *
 * Triggered by video/transcribe.requested {videoId, creatorId, language?}. extract-video-transcript does the work, so that
 * what comes out is the same; where the file lies is in the videos row, whatever the event says. */
#include "function.h"
#include "video.h"

static const char INSTEAD[] = "send video/transcript.extract";

/* Only reads and logs. */
static json_t *check_request(struct step *s)
{
    auto_video v = {0};
    step_log(s, "transcribe-video is deprecated: %s", INSTEAD);
    if (!video_of_step(s, &v))
        return step_error(s);
    return js_pack("{s:s, s:s}", "title", v.title, "source", video_source_name(v.source));
}

/* Running twice is harmless: a step invokes once. */
static json_t *extract(struct step *s)
{
    struct video_ids ids;
    if (!video_ids(s->data, &ids, &s->err))
        return step_error(s);
    json_t *data = js_pack("{s:s, s:s}", "videoId", ids.video, "creatorId", ids.creator);
    json_t *language = js_get(s->data, "language");
    if (language != NULL)
        (void)json_object_set(data, "language", language);
    return step_invoke(s, "extract-video-transcript", data, 0);
}

/* The shape that the old application reads, beside the new one's. */
static json_t *report(struct step *s)
{
    const json_t *done = step_result(s, "extract");
    json_t *output = json_deep_copy(done);
    (void)json_object_set_new(output, "videoId", json_string(js_str(done, "video_id")));
    (void)json_object_set_new(output, "duration", json_real(js_num(done, "duration_seconds", 0)));
    (void)json_object_set_new(output, "cost", json_real(js_num(done, "cost_usd", 0)));
    return output;
}

static const struct step_def steps[] = {
    {"check-request", check_request},
    {"extract", extract},
    {"report", report},
    {0},
};

const struct function fn_transcribe_video = {
    .id = "transcribe-video",
    .name = "Transcribe Video",
    .deprecated = INSTEAD,
    .version = 1,
    .on_event = {"video/transcribe.requested"},
    .retries = 3,
    .limits = {{.key = "data.creatorId", .max = 10}},
    .steps = steps,
};
