#include "video_failure.h"

#include <string.h>

#include "js.h"
#include "services.h"
#include "video.h"

/* What an inngest/function.failed event is about; borrowed from it. */
struct failure {
    struct video_ids ids;
    const char *run_id;
    const char *message;
};

/* What the people are told is what the function that did the work said, whoever had invoked it. */
static const char *for_people(const char *message)
{
    static const char invoked[] = "function extract-video-transcript failed: ";
    size_t n = sizeof(invoked) - 1;
    return strncmp(message, invoked, n) == 0 && message[n] != '\0' ? message + n : message;
}

/* false: it names no video, so there is nothing to mark. */
static bool failure_of(const struct step *s, struct failure *ret)
{
    struct err ignored; /* the ids were refused once already; saying so again helps nobody */
    if (!video_ids(js_get(s->data, "event.data"), &ret->ids, &ignored))
        return false;
    const char *run_id = js_str(s->data, "run_id"), *message = js_str(s->data, "error.message");
    ret->run_id = run_id != NULL ? run_id : "";
    ret->message = message != NULL ? for_people(message) : "unknown error";
    return true;
}

json_t *video_failure_mark(struct step *s, const char *label)
{
    struct failure f;
    bool marked;
    if (!failure_of(s, &f))
        return step_finish(s, js_pack("{s:b, s:s}", "handled", false, "reason",
                                      "the event names no video and creator"));
    if (!VIDEO_UPDATE(s->db, &s->err, &marked, "fail_video", f.ids.video, f.ids.creator, f.run_id,
                      label, f.message))
        return step_error(s);
    return js_pack("{s:b}", "marked", marked);
}

/* What the run had cost before it failed is spent. */
static bool add_usage(struct step *s, const struct failure *f, const char *event_type)
{
    double usd = js_num(s->data, "cost_usd", 0);
    if (usd <= 0)
        return true;
    bool is_transcript = strcmp(event_type, "video_transcribed") == 0;
    auto_json *entry = js_pack("{s:s, s:s, s:f, s:b}", "video_id", f->ids.video, "method",
                               is_transcript ? "whisper" : s->services->embed_model, "cost_usd",
                               usd, "failed", true);
    return video_add_usage(s->db, f->ids.creator, usd, 0,
                           is_transcript ? "transcript_costs" : "embedding_costs", entry, &s->err);
}

json_t *video_failure_log(struct step *s, const char *event_type)
{
    struct failure f;
    if (!failure_of(s, &f))
        return step_ok();
    if (!DB_EXEC(s->db, &s->err, "log_video_failure", f.ids.video, f.ids.creator, event_type,
                 f.message) ||
        !add_usage(s, &f, event_type))
        return step_error(s);
    bool marked = js_bool(step_result(s, "update-status-failed"), "marked", false);
    return js_pack("{s:b, s:s, s:s, s:b}", "handled", true, "video_id", f.ids.video, "error",
                   f.message, "marked", marked);
}
