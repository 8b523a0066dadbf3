/* bulk.h: what the functions that work on many videos have in common.
 *
 * Which videos: videoIds of the event, or, where it has none (a list may be longer than an event may be), those of the row
 * in public.bulk_operations. They are dealt with in batches; each batch is a durable step of its own. An id that is no UUID,
 * that stands there for the second time, or whose video is not the creator's spoils nothing for the others. */
#pragma once

#include "function.h"

enum { BULK_BATCH = 10, BULK_MAX_IDS = 10000, BULK_MAX_EXPORT = 100000, BULK_MAX_ERRORS = 1000 };

/* What an event says about its operation; borrowed from the event. */
struct bulk {
    const char *operation;
    const char *creator;
    const json_t *ids; /* NULL = those of the row */
};

/* An error names the field. `max_ids` is the most that videoIds may hold. */
bool bulk_of_event(const json_t *data, size_t max_ids, struct bulk *ret, struct err *e) MUST_CHECK;

/* videoIds of an event that has no operation; NULL and an error when there are none or too many. */
const json_t *bulk_ids(const json_t *data, size_t max_ids, struct err *e);

/* "update-status-in-progress", for a .tx row: one run claims the operation, of the given type. Result {"total": n}. */
json_t *bulk_claim(struct step *s, const char *type, size_t max_ids);

/* For .each: a batch per BULK_BATCH ids, with the position of its first as key ("0", "10", …). */
json_t *bulk_batches(size_t total);
json_t *bulk_batches_of_operation(
    struct step *s); /* after bulk_claim in a row "update-status-in-progress" */
size_t bulk_offset(const struct step *s); /* of the batch in s->item */

/* The batch's ids, each for the first time and a UUID; what is wrong with the others is in `errors`. */
struct bulk_page {
    json_t *ids;
    json_t *errors; /* [{"video_id", "error"}] */
    size_t asked;   /* how many positions of the list this page covers */
};
/* `firsts`: what bulk_firsts gave, or NULL. */
bool bulk_page_of_operation(struct step *s, const struct bulk *b, const char *firsts, size_t offset,
                            size_t n, struct bulk_page *ret, struct err *e) MUST_CHECK;

/* For who reads the whole of a long list in one step: which ids of the row stand there for the first time, as `firsts` of the
 * pages. *ret is the caller's; NULL when the ids are in the event. With NULL each page finds that out by itself, which for
 * all pages together costs the square of the list. */
bool bulk_firsts(struct step *s, const struct bulk *b, char **ret, struct err *e) MUST_CHECK;
bool bulk_page_of_ids(const json_t *ids, size_t offset, size_t n, struct bulk_page *ret);
void bulk_page_release(struct bulk_page *p);
#define auto_page CLEANUP(bulk_page_release) struct bulk_page

void bulk_add_error(json_t *errors, const char *video_id, const char *error);

/* After a batch, in its transaction. */
bool bulk_set_progress(struct step *s, const struct bulk *b, size_t done, struct err *e) MUST_CHECK;

/* Sums up what the batches of a row gave: `count_key` is the member that counts successes, and every batch has "errors". */
void bulk_sum(struct step *s, const char *row, const char *count_key, long long *ret_count,
              json_t **ret_errors);

/* "completed" without errors, "failed" without successes, else "partial". */
const char *bulk_status(long long successes, long long failures);

/* "update-final-status", for a .tx row: writes the outcome, result `result` (taken), and is the run's output. */
json_t *bulk_finish(struct step *s, const char *status, json_t *result, const char *message);
