#include "video_failure.h"

#include "video.h"

/* What an inngest/function.failed event is about; borrowed from it. */
struct failure {
    struct video_ids ids;
    const char *run_id;
    const char *message;
};

/* false: it names no video, so there is nothing to mark. */
static bool failure_of(const struct step *s, struct failure *ret)
{
    struct err ignored; /* the ids were refused once already; saying so again helps nobody */
    if (!video_ids(js_get(s->data, "event.data"), &ret->ids, &ignored))
        return false;
    const char *run_id = js_str(s->data, "run_id"), *message = js_str(s->data, "error.message");
    ret->run_id = run_id != NULL ? run_id : "";
    ret->message = message != NULL ? message : "unknown error";
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

json_t *video_failure_log(struct step *s, const char *event_type)
{
    struct failure f;
    if (!failure_of(s, &f))
        return step_ok();
    if (!DB_EXEC(s->db, &s->err, "log_video_failure", f.ids.video, f.ids.creator, event_type,
                 f.message))
        return step_error(s);
    bool marked = js_bool(step_result(s, "update-status-failed"), "marked", false);
    return js_pack("{s:b, s:s, s:s, s:b}", "handled", true, "video_id", f.ids.video, "error",
                   f.message, "marked", marked);
}
