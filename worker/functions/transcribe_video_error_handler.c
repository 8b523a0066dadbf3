/* transcribe_video_error_handler.c: a transcript that was asked for in the old way could not be made: says so on the video.
 * Deprecated with transcribe-video. The analytics are told by the handler of the extraction. */
#include "function.h"
#include "video_failure.h"

static json_t *update_status_failed(struct step *s)
{
    step_log(s, "transcribe-video-error-handler is deprecated with transcribe-video");
    return video_failure_mark(s, "");
}

static const struct step_def steps[] = {
    {"update-status-failed", update_status_failed, .tx = true},
    {0},
};

const struct function fn_transcribe_video_error_handler = {
    .id = "transcribe-video-error-handler",
    .name = "Transcribe Video Error Handler",
    .deprecated = "send video/transcript.extract",
    .version = 1,
    .on_event = {"inngest/function.failed"},
    .on_failure_of = "transcribe-video",
    .retries = 4,
    .steps = steps,
};
