/* feed_watch.h: looks at the stores and says what is different from the look before. For the feed's own thread. */
#pragma once

#include "conf.h"
#include "id.h"

enum { FEED_WATCHED = 64 };

/* Runs that somebody looks at one by one: of them each step is told. */
struct feed_watched {
    char ids[FEED_WATCHED][ID_SIZE];
    int count;
};
void feed_watched_add(struct feed_watched *w, const char *id);

/* Takes a message: its topic (FEED_…), its name, the run that it is about ("" = none), its JSON on one line. */
typedef void feed_put(void *cls, unsigned topic, const char *name, const char *run,
                      const char *data);

struct feed_watch;
struct feed_watch *feed_watch_new(const struct conf *c, feed_put *put, void *cls);
void feed_watch_free(struct feed_watch *w); /* accepts NULL */

void feed_watch_look(struct feed_watch *w, unsigned topics, const struct feed_watched *watched);
/* Nobody has looked for a while: the next look is a first one. */
void feed_watch_forget(struct feed_watch *w);
