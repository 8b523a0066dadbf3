/* handle_transcript_extraction_error.c: when a transcript could not be had for good, says so where people look: on the
 * video (status and message) and in the analytics. */
#include "function.h"
#include "video_failure.h"

static json_t *update_status_failed(struct step *s)
{
    return video_failure_mark(s, "");
}

static json_t *log_failure_event(struct step *s)
{
    return video_failure_log(s, "video_transcribed");
}

static const struct step_def steps[] = {
    {"update-status-failed", update_status_failed, .tx = true},
    {"log-failure-event", log_failure_event, .tx = true},
    {0},
};

const struct function fn_handle_transcript_extraction_error = {
    .id = "handle-transcript-extraction-error",
    .name = "Handle Transcript Extraction Error",
    .version = 1,
    .on_event = {"inngest/function.failed"},
    .on_failure_of = "extract-video-transcript",
    .retries = 4,
    .steps = steps,
};
