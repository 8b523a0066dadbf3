/* handle_embedding_failure.c: when chunks or vectors of a video could not be made for good, says so where people look:
 * on the video (status and message) and in the analytics. */
#include "function.h"
#include "video_failure.h"

static json_t *update_status_failed(struct step *s)
{
    return video_failure_mark(s, "Embedding generation failed: ");
}

static json_t *log_failure_event(struct step *s)
{
    return video_failure_log(s, "video_embedded");
}

static const struct step_def steps[] = {
    {"update-status-failed", update_status_failed, .tx = true},
    {"log-failure-event", log_failure_event, .tx = true},
    {0},
};

const struct function fn_handle_embedding_failure = {
    .id = "handle-embedding-failure",
    .name = "Handle Embedding Failure",
    .version = 1,
    .on_event = {"inngest/function.failed"},
    .on_failure_of = "generate-video-embeddings",
    .retries = 4,
    .steps = steps,
};
