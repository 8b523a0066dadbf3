/* committer.h: makes outcomes durable, many in one call.
 *
 * One thread owns one connection and calls commit.lua. While a call is under way further outcomes gather, so the size of
 * a batch follows the load and an idle worker still commits at once. When Redis is away the outcomes are kept and sent
 * again: commit.lua answers a repeated call the same.
 *
 * An outcome is the caller's until it is submitted; then the committer's until it is done. */
#pragma once

#include <stdint.h>

#include "conf.h"
#include "inhand.h"
#include "outcome.h"

struct committer;

struct committer *committer_start(const struct conf *c, const char *worker_id,
                                  struct inhand *inhand, struct err *e);
/* Commits what was submitted, for at most grace_ms, then stops: what is submitted later waits for ever. */
void committer_stop(struct committer *c, int64_t grace_ms);
/* After that, when no thread is left that may submit. */
void committer_free(struct committer *c);

/* Hands the outcome over; it is freed when done. Blocks while too many wait (Redis away). */
void committer_submit(struct committer *c, struct outcome *o);
/* Waits for the answer and frees the outcome. */
enum commit_code committer_wait(struct committer *c, struct outcome *o);
