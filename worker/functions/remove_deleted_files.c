/* remove_deleted_files.c: deletes files whose videos are gone and that the storage did not let go of at the time. */
#include "deleted_files.h"

/* Running twice is harmless: what is gone is gone. */
static json_t *remove_files(struct step *s)
{
    long long removed;
    bool more;
    if (!deleted_files_remove(s, NULL, &removed, &more, &s->err))
        return step_error(s);
    json_t *value = js_pack("{s:I}", "removed", (json_int_t)removed);
    return more ? step_again(s, json_true(), value) : value;
}

static const struct step_def steps[] = {
    {"remove-files", remove_files},
    {0},
};

const struct function fn_remove_deleted_files = {
    .id = "remove-deleted-files",
    .name = "Remove Deleted Files",
    .version = 1,
    .cron = {.schedule = "17 * * * *"},
    .singleton = {.mode = SINGLETON_SKIP},
    .retries = 3,
    .steps = steps,
};
