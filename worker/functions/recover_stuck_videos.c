/* recover_stuck_videos.c: starts videos again that wait for somebody who will never come.
 *
 * Every five minutes. An event may have been lost before anybody recorded it, or whoever should have ended a video could not.
 * Which videos are stuck, and what to do about each, is one query (sql/queries/recovery.sql); here the events are sent. A
 * video that stops again is started three times in all and then fails with a message for people.
 *
 * What is sent again is harmless for a video that somebody works on after all: the run that began last wins, and work that is
 * done is not done again. */
#include <string.h>

#include "function.h"
#include "video.h"

/* a step may send 64 events */
enum { VIDEOS_AT_ONCE = 50 };
#define VIDEOS_AT_ONCE_TEXT "50"

static const char *event_of(const char *action)
{
    return strcmp(action, "retry-embeddings") == 0   ? "video/transcription.completed"
           : strcmp(action, "retry-transcript") == 0 ? "video/transcript.extract"
                                                     : NULL;
}

static json_t *recover(struct step *s, const PGresult *r, int row)
{
    const char *video = db_text(r, row, "id"), *creator = db_text(r, row, "creator_id");
    const char *action = db_text(r, row, "action"), *status = db_text(r, row, "status");
    const char *event = event_of(action);
    if (event != NULL)
        step_send(s, event,
                  js_pack("{s:s, s:s, s:s, s:s}", "videoId", video, "video_id", video, "creatorId",
                          creator, "creator_id", creator));
    step_log(s, "video %s was stuck at %s: %s", video, status, action);
    return js_pack("{s:s, s:s, s:s, s:I}", "video_id", video, "stuck_at", status, "action", action,
                   "attempt", (json_int_t)db_int(r, row, "attempt", 0));
}

static json_t *recover_videos(struct step *s)
{
    auto_result *r = DB_QUERY(s->db, &s->err, "recover_stuck_videos", VIDEOS_AT_ONCE_TEXT);
    if (r == NULL)
        return step_error(s);
    json_t *videos = json_array();
    for (int i = 0; i < PQntuples(r); i++)
        (void)json_array_append_new(videos, recover(s, r, i));
    return PQntuples(r) == VIDEOS_AT_ONCE ? step_again(s, json_true(), videos) : videos;
}

static void count_turn(const json_t *turn, json_int_t *recovered, json_int_t *failed)
{
    size_t i;
    const json_t *video;
    json_array_foreach (turn, i, video) {
        if (event_of(js_str(video, "action")) != NULL)
            ++*recovered;
        else
            ++*failed;
    }
}

/* Only reads. A row that was never asked again has its one result under its own name. */
static json_t *summarise(struct step *s)
{
    const json_t *turns = step_results(s, "recover-videos"), *turn;
    json_int_t recovered = 0, failed = 0;
    size_t i;
    if (json_array_size(turns) == 0)
        count_turn(step_result(s, "recover-videos"), &recovered, &failed);
    json_array_foreach (turns, i, turn)
        count_turn(turn, &recovered, &failed);
    return js_pack("{s:b, s:I, s:I, s:I}", "success", true, "recovered", recovered, "failed",
                   failed, "total", recovered + failed);
}

static const struct step_def steps[] = {
    {"recover-videos", recover_videos, .tx = true},
    {"summarise", summarise},
    {0},
};

const struct function fn_recover_stuck_videos = {
    .id = "recover-stuck-videos",
    .name = "Recover Stuck Videos",
    .version = 1,
    .cron = {.schedule = "*/5 * * * *"},
    .singleton = {.mode = SINGLETON_SKIP},
    .retries = 2,
    .steps = steps,
};
